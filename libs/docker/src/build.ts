import { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { RetryableError, TerminalError } from '#domain/errors';
import type { Deadline } from './deadline.js';
import type { BuildOptions, Image } from './docker.js';
import type { Engine } from './engine.js';
import { buildError, engineText, statusOf } from './errors.js';
import { inspectImage, refuseOddReference } from './images.js';
import { failureIn, readObjects, textOf } from './ndjson.js';

export async function build(engine: Engine, options: BuildOptions): Promise<Image> {
  const { tag, labels, signal } = options;
  refuseOddReference(tag);
  const call = { what: `build ${tag}`, milliseconds: engine.deadlines.silence, signal, long: true };
  const said = await engine.call(call, (client, deadline) => send(client, options, deadline));
  // By the id that the engine named: somebody else may give the tag away at any time.
  const image = await inspectImage(engine, said ?? tag, signal);
  const isOurs = image !== null && Object.entries(labels).every(([key, value]) => image.labels?.[key] === value);
  if (isOurs) return image;
  throw new RetryableError('docker-failed', `The build of ${tag} ended, but that image is not on the host.`);
}

/** Resolves to the id that the engine named. */
async function send(client: Dockerode, options: BuildOptions, deadline: Deadline): Promise<string | null> {
  const { tag, labels, progress } = options;
  const upload = new AbortController();
  const signal = AbortSignal.any([deadline.signal, upload.signal]);
  const context = Readable.from(moving(options.context, deadline), { objectMode: false });
  // What could not be read says more than the connection that was cut because of it.
  const broken = new Promise<never>((_, reject) => context.once('error', reject));
  broken.catch(() => undefined);
  const query = { t: tag, labels: JSON.stringify(labels), rm: true, forcerm: true, networkmode: 'none' };
  try {
    const run = async () => {
      const stream = await client
        .buildImage(context, { ...query, abortSignal: signal } as unknown as Dockerode.ImageBuildOptions)
        .catch((error: unknown) => {
          throw statusOf(error) === null ? error : buildError(engineText(error), tag);
        });
      return await follow(stream as AsyncIterable<Buffer>, { tag, progress, deadline });
    };
    return await Promise.race([run(), broken]);
  } finally {
    upload.abort();
    context.destroy();
  }
}

interface Following {
  readonly tag: string;
  readonly progress: (line: string) => void;
  readonly deadline: Deadline;
}

async function follow(stream: AsyncIterable<Buffer>, { tag, progress, deadline }: Following): Promise<string | null> {
  let id: string | null = null;
  for await (const line of readObjects(stream)) {
    deadline.extend();
    const failure = failureIn(line);
    if (failure) throw buildError(failure, tag);
    const text = textOf(line['stream']).trim();
    if (text) progress(text);
    id = textOf((line['aux'] as { ID?: unknown } | undefined)?.ID) || id;
  }
  if (id !== null && !/^sha256:[0-9a-f]{64}$/.test(id))
    throw new TerminalError('docker-rejected', `The engine named an odd image for ${tag}.`);
  return id;
}

/** An upload that moves is no silence. */
async function* moving(context: AsyncIterable<Uint8Array>, deadline: Deadline): AsyncGenerator<Uint8Array> {
  for await (const chunk of context) {
    deadline.extend();
    yield chunk;
  }
}
