import { openProcess } from '#process/open-process';
import { serveAlone } from '#process/serve-alone';
import { startWorker } from './start-worker.js';

const parts = await openProcess('deploy-worker');
await serveAlone(parts, [startWorker(parts)]);
