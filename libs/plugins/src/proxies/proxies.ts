import type { Proxy } from '../source.js';
import { caddy } from './caddy/caddy.js';
import { none } from './none/none.js';
import { traefik } from './traefik/traefik.js';

/** Every proxy that ships; `TINYFORGE_PROXY` names one by its kind. */
export const PROXIES: readonly Proxy[] = [caddy, traefik, none];
