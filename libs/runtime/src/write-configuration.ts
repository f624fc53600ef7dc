import { writeFileSync } from 'node:fs';
import { configurationPage } from './config-variables.js';

/** Entry point of `npm run gen`, started in the repository's root. */
writeFileSync('docs/configuration.md', configurationPage());
