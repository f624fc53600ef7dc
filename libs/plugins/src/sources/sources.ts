import type { Source } from '../source.js';
import { compose } from './compose/compose.js';
import { image } from './image/image.js';
import { staticSite } from './static/static.js';

/** Every source that ships. A kind is one folder and one word here. */
export const SOURCES: readonly Source[] = [image, compose, staticSite];
