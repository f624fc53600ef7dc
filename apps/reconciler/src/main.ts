import { openProcess } from '#process/open-process';
import { serveAlone } from '#process/serve-alone';
import { startReconciler } from './start-reconciler.js';

const parts = await openProcess('reconciler');
await serveAlone(parts, [await startReconciler(parts)]);
