import { STORAGE_PATH } from '../storage.js';
import { HASHED_ROOT, SITE_ROOT } from './caddyfile.js';

/** Nobody: it may read what was copied, and write to its storage. */
const USER = '65534:65534';

/** `base` is checked where it is set: an image's name cannot hold what ends a line. */
export function dockerfile(mode: 'static' | 'deno', base: string): string {
  return [`FROM ${base}`, ...LINES[mode], `USER ${USER}`, ''].join('\n');
}

const LINES = {
  static: [
    `COPY site/ ${SITE_ROOT}/`,
    `COPY hashed/ ${HASHED_ROOT}/`,
    'COPY Caddyfile /srv/Caddyfile',
    `COPY --chown=${USER} data/ ${STORAGE_PATH}/`,
    'ENV XDG_CONFIG_HOME=/tmp XDG_DATA_HOME=/tmp',
    `WORKDIR ${SITE_ROOT}`,
    'CMD ["caddy", "run", "--config", "/srv/Caddyfile", "--adapter", "caddyfile"]',
  ],
  deno: [
    'COPY site/ /app/',
    `COPY --chown=${USER} data/ ${STORAGE_PATH}/`,
    'ENV DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 DENO_NO_PROMPT=1',
    'WORKDIR /app',
  ],
} as const;
