import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED, generate } from './generate.mjs';
import { ensureInstalled, nodeBinary, root } from './installation.mjs';

/** `npm run check`: everything that is known without running a test. Each check runs, and all that failed are named. */

const CHECKS = [
  { name: 'format', argv: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
  { name: 'types', argv: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'] },
  { name: 'lint', argv: ['node_modules/eslint/bin/eslint.js', '--max-warnings', '0', '.'] },
  {
    name: 'imports',
    argv: [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      'apps',
      'libs',
      'test',
      'bench',
      '--config',
      '.dependency-cruiser.cjs',
    ],
  },
  // By TypeScript's own resolution, which takes `#lib/file` to the sources; knip's would look in dist.
  // knip follows the imports of package.json by their `require` condition, which nothing else uses here.
  { name: 'unused', argv: ['node_modules/knip/bin/knip.js', '--no-progress', '--include-libs'] },
];

ensureInstalled();
const only = process.argv.slice(2);
const failed = [];
for (const { name, argv } of CHECKS) await report(name, () => runs(argv));
await report('generated', regenerates);

if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}. Run one again with: npm run check -- ${failed[0]}`);
  process.exit(1);
}

async function report(name, check) {
  if (only.length > 0 && !only.includes(name)) return;
  const began = performance.now();
  const isGood = await check();
  console.log(`${isGood ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  if (!isGood) failed.push(name);
}

function runs(argv) {
  return spawnSync(nodeBinary(), argv, { cwd: root, stdio: 'inherit' }).status === 0;
}

function regenerates() {
  const before = GENERATED.map(({ file }) => read(file));
  try {
    generate();
  } catch (error) {
    console.error(error.message);
    return false;
  }
  const stale = GENERATED.filter(({ file }, at) => read(file) !== before[at]);
  for (const { file } of stale) console.error(`${file} was behind its source. It has been written anew: commit it.`);
  return stale.length === 0;
}

function read(file) {
  const path = join(root, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
