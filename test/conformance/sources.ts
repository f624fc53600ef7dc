import type { SourceFixture } from './source-fixture.js';
import { compose } from './sources/compose.js';
import { image } from './sources/image.js';
import { staticSite } from './sources/static.js';

/** A source that ships has one here. */
export const FIXTURES: readonly SourceFixture[] = [image, compose, staticSite];
