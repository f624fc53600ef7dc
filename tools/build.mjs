import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ensureInstalled, isStatic, root, runNode, sourceFingerprint, stampFile } from './installation.mjs';

/** `npm run build`: dist is the sources compiled, and the files that go with them. */

ensureInstalled();
// Taken first: what changes while we build is built next time.
const fingerprint = sourceFingerprint();
rmSync(stampFile, { force: true });
try {
  runNode(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  for (const folder of ['apps', 'libs']) copyStatic(join(root, folder));
  writeFileSync(stampFile, fingerprint);
} catch (error) {
  console.error(`The build failed: ${error.message}`);
  process.exit(1);
}

function copyStatic(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const from = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') copyStatic(from);
    } else if (isStatic(entry.name)) {
      const to = join(root, 'dist', relative(root, from));
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(from, to);
    }
  }
}
