import { installPackages } from './debian.mjs';
import { startEngine } from './engine.mjs';
import { ensureBuilt, ensureInstalled, runNode } from './installation.mjs';

/** `npm run bench [-- names]`: figures with the limit of this machine beside them. Compiled: what is measured is what ships. */

ensureInstalled();
installPackages(['docker.io', 'caddy', 'redis-server', 'busybox-static']);
ensureBuilt();
runNode(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json']);
const engine = await startEngine({ install: true });
try {
  runNode(['dist/bench/main.js', ...process.argv.slice(2)], { env: { ...process.env, DOCKER_HOST: engine.host } });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await engine.stop();
}
