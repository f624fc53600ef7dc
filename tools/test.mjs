import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { installPackages } from './debian.mjs';
import { startEngine } from './engine.mjs';
import { ensureBuilt, ensureInstalled, nodeBinary, root } from './installation.mjs';

/** `npm test [-- vitest arguments]`: all tests, against a real Postgres, Docker, Redis, registry and Caddy. */

const PACKAGES = ['docker.io', 'docker-compose', 'docker-registry', 'caddy', 'redis-server', 'busybox-static'];

ensureInstalled();
const missing = installPackages(PACKAGES);
if (missing.length > 0)
  console.error(
    `Missing: ${missing.join(', ')}. Tests that need them will fail: install them, or run as root on Debian or Ubuntu.`,
  );
ensureBuilt();
const engine = await openEngine();
const code = await runTests(process.argv.slice(2), engine?.host);
await engine?.stop();
process.exit(code);

async function openEngine() {
  try {
    return await startEngine({ install: true });
  } catch (error) {
    console.error(`${error.message}\nTests that need Docker will fail.`);
    return null;
  }
}

/** The exit code; 128 + n when a signal ended them. The engine is stopped either way. */
function runTests(args, host) {
  const node = nodeBinary();
  const env = {
    ...process.env,
    ...(host ? { DOCKER_HOST: host } : {}),
    // Children that are started as "node" get the same one.
    PATH: [join(node, '..'), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  };
  const child = spawn(node, ['node_modules/vitest/vitest.mjs', 'run', ...args], { cwd: root, stdio: 'inherit', env });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`The tests could not be started: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (status, signal) => resolve(status ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}
