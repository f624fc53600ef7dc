import type Dockerode from 'dockerode';
import { TerminalError } from '#domain/errors';
import { dial } from './dial.js';
import type { Image } from './docker.js';
import type { Engine } from './engine.js';
import { statusOf } from './errors.js';

export async function inspectImage(engine: Engine, reference: string, signal?: AbortSignal): Promise<Image | null> {
  refuseOddReference(reference);
  const call = { what: `inspect the image ${reference}`, milliseconds: engine.deadlines.look, signal };
  return engine.call(call, async (client, deadline) => {
    try {
      return imageOf(
        (await dial(client, {
          path: `/images/${reference}/json`,
          signal: deadline.signal,
        })) as Dockerode.ImageInspectInfo,
      );
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  });
}

/** A reference becomes part of a path: nothing that could end or leave it. */
export function refuseOddReference(reference: string): void {
  if (/^[a-zA-Z0-9][\w.:/@+-]*$/.test(reference) && !/\/\/|\/\.|\.\//.test(reference)) return;
  throw new TerminalError(
    'docker-rejected',
    `${JSON.stringify(reference)} is not an image reference. Write host/name:tag or host/name@sha256:…`,
  );
}

function imageOf(info: Dockerode.ImageInspectInfo): Image {
  const test: readonly string[] = info.Config?.Healthcheck?.Test ?? [];
  return {
    id: info.Id,
    repoDigests: info.RepoDigests ?? [],
    os: info.Os,
    architecture: info.Architecture,
    hasHealthcheck: test.length > 0 && test[0] !== 'NONE',
    createdAt: instantOf(info.Created),
    envKeys: (info.Config?.Env ?? []).map((entry) => entry.split('=')[0]!),
    labels: info.Config?.Labels ?? {},
  };
}

/** Docker writes year 1 for "never". */
export function instantOf(text: string | undefined): string | null {
  return text && !text.startsWith('0001-') ? text : null;
}
