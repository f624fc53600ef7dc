import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, mayInstall, onPath } from './debian.mjs';
import { findEngine, startEngine } from './engine.mjs';
import { ensureBuilt, ensureInstalled, nodeBinary, root } from './installation.mjs';

/** `npm start`: a fresh clone becomes a running platform; the second time nothing is left to do but start it. */

const MAIN = join(root, 'dist', 'apps', 'all-in-one', 'src', 'main.js');

try {
  ensureInstalled();
  ensureBuilt();
  const dockerHost = await ensureEngine();
  ensureCaddy();
  become({ ...process.env, ...(dockerHost ? { DOCKER_HOST: dockerHost } : {}) });
} catch (error) {
  console.error(`\n${error.message}`);
  process.exit(1);
}

/** Without an engine everything but deploying works, so that is no reason to stay down. */
async function ensureEngine() {
  const found = await findEngine();
  if (found) return found.host;
  try {
    console.log('No Docker engine answers: starting one …');
    return (await startEngine({ install: mayInstall() })).host;
  } catch (error) {
    console.error(`${error.message}\nGoing on without: what is deployed meanwhile waits until Docker answers.`);
    return null;
  }
}

function ensureCaddy() {
  const { TINYFORGE_PROXY: proxy = '', CADDY_ADMIN_URL: yours = '' } = process.env;
  if ((proxy !== '' && proxy !== 'caddy') || yours !== '' || onPath('caddy')) return;
  if (installPackages(['caddy']).length === 0) return;
  console.error(
    'Caddy, the proxy before your apps, is not installed. Install it (Debian, Ubuntu: apt-get install caddy; others: https://caddyserver.com/docs/install), or set TINYFORGE_PROXY=none.\nGoing on without: apps that need a host name wait until it is there.',
  );
}

/** The platform takes this process's place where Node can do that: one process less in memory, and signals go straight to it. */
function become(env) {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing after the build. Remove dist and try again.`);
  const node = nodeBinary();
  const environment = {
    NODE_ENV: 'production',
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compile'),
    ...env,
  };
  if (typeof process.execve === 'function') {
    process.removeAllListeners('warning');
    process.execve(node, [node, MAIN], environment);
  }
  const child = spawn(node, [MAIN], { stdio: 'inherit', env: environment });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`${node} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 1)));
}
