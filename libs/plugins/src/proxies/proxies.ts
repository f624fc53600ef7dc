import type { Proxy } from '../source.js';
import { caddy } from './caddy/caddy.js';
import { none } from './none/none.js';

export const proxies: readonly Proxy[] = [caddy, none];
