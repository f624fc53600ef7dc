import { openProcess } from '#process/open-process';
import { serveAlone } from '#process/serve-alone';
import { startReconciler } from './start-reconciler.js';

const parts = await openProcess('reconciler');
const { stoppable, proxy } = await startReconciler(parts);
await serveAlone(parts, [stoppable], proxy === null ? {} : { proxy });
