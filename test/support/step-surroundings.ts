import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_SETTINGS, type Settings } from '#domain/settings';
import type { MemoIo } from '#plugins/files';
import type { StepIo } from '#plugins/source';
import { createComposeCli } from '../../apps/deploy-worker/src/compose-cli.js';
import { createFiles } from '../../apps/deploy-worker/src/files.js';

export interface Surroundings {
  readonly root: string;
  /** `<secretId>/<version>` → value. */
  readonly secrets: Map<string, string>;
  readonly memos: Map<string, Record<string, unknown>>;
  settings: Settings;
  readonly io: Pick<StepIo, 'secret' | 'settings' | 'files' | 'memo' | 'compose'>;
}

/** What a step may touch beside Docker and the route: files for real, in a folder that is there once something is written. */
export function stepSurroundings(): Surroundings {
  const root = join(tmpdir(), `tf-work-${randomUUID()}`);
  const around = { root, secrets: new Map<string, string>(), memos: new Map(), settings: DEFAULT_SETTINGS };
  const io: Surroundings['io'] = {
    secret: async ({ secretId, version }) => around.secrets.get(`${secretId}/${version}`)!,
    settings: async () => around.settings,
    files: createFiles(root),
    memo: memoOf(around.memos),
    compose: createComposeCli('unix:///var/run/docker.sock').of(join(root, 'compose'), new AbortController().signal),
  };
  return Object.assign(around, { io });
}

function memoOf(memos: Map<string, Record<string, unknown>>): MemoIo {
  return {
    read: async (role) => memos.get(role) ?? {},
    patch: async (role, changes) => {
      const merged = Object.entries({ ...memos.get(role), ...changes });
      memos.set(role, Object.fromEntries(merged.filter(([, value]) => value !== null)));
    },
  };
}
