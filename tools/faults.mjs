import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { installPackages } from './debian.mjs';
import { ensureBuilt, ensureInstalled, nodeBinary, root } from './installation.mjs';

/**
 * `npm run faults [-- --seed N --runs N --only <part of a name> --report <file>]`: injects faults into a platform of
 * its own, checks every invariant after each, prints a table. Exit code 1 on any violation. The seed repeats it all.
 */

const PACKAGES = ['docker.io', 'docker-registry', 'caddy', 'redis-server', 'busybox-static'];

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    runs: { type: 'string', default: '500' },
    only: { type: 'string', default: '' },
    report: { type: 'string' },
  },
});
for (const name of ['seed', 'runs']) {
  if (/^\d{1,9}$/.test(values[name])) continue;
  console.error(`--${name} takes a whole number, not ${values[name]}.`);
  process.exit(2);
}
if (process.getuid?.() !== 0) {
  console.error('The faults need root: they start an engine of their own (dockerd) to stop and kill it.');
  process.exit(2);
}

ensureInstalled();
const missing = installPackages(PACKAGES);
if (missing.length > 0) {
  console.error(`Missing: ${missing.join(', ')}. Install them and try again.`);
  process.exit(2);
}
ensureBuilt();
console.log(`Seed ${values.seed}, ${values.runs} runs`);
process.exit(await run());

function run() {
  const node = nodeBinary();
  const env = {
    ...process.env,
    PATH: [join(node, '..'), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    FAULTS_SEED: values.seed,
    FAULTS_RUNS: values.runs,
    FAULTS_ONLY: values.only,
    FAULTS_SLOW: 'yes',
    ...(values.report === undefined ? {} : { FAULTS_REPORT: values.report }),
  };
  const argv = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'fault', '--disableConsoleIntercept'];
  const child = spawn(node, [...argv, 'test/fault/suite.spec.ts'], { cwd: root, stdio: 'inherit', env });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
