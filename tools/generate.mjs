import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runNode } from './installation.mjs';

/** `npm run gen`: files that are written by code and committed. */

export const GENERATED = [
  { file: 'openapi.json', by: 'apps/api/src/write-openapi' },
  { file: 'libs/store/schema.sql', by: 'libs/store/src/write-schema' },
  { file: 'docs/configuration.md', by: 'libs/runtime/src/write-configuration' },
];

export function generate() {
  ensureInstalled();
  ensureBuilt();
  for (const { by } of GENERATED) {
    if (existsSync(join(root, `${by}.ts`))) runNode([`dist/${by}.js`]);
  }
}

if (process.argv[1] === import.meta.filename) generate();
