import type Dockerode from 'dockerode';
import { RetryableError, TerminalError } from '#domain/errors';
import type { Deadline } from './deadline.js';
import type { Image, PullOptions } from './docker.js';
import type { Engine } from './engine.js';
import { engineText, pullError, statusOf } from './errors.js';
import { inspectImage, refuseOddReference } from './images.js';
import { failureIn, readObjects, textOf } from './ndjson.js';

export async function pull(engine: Engine, reference: string, options: PullOptions): Promise<Image> {
  refuseOddReference(reference);
  const target = targetOf(reference);
  const call = {
    what: `pull ${reference}`,
    milliseconds: engine.deadlines.silence,
    signal: options.signal,
    long: true,
  };
  try {
    await engine.call(call, (client, deadline) => download({ client, target, reference, options, deadline }));
  } catch (error) {
    throw await blame(engine, error, reference);
  }
  const image = await inspectImage(engine, target.name, options.signal);
  if (!image)
    throw new RetryableError(
      'registry-unreachable',
      `The pull of ${reference} ended, but the image is not on the host.`,
    );
  refuseOtherPlatform(image, reference, options.platform);
  return image;
}

interface Target {
  readonly repository: string;
  /** Tag or digest. */
  readonly tag: string;
  /** What the image is found under afterwards. */
  readonly name: string;
}

/** A tag beside a digest says nothing; without either, the engine would pull every tag there is. */
export function targetOf(reference: string): Target {
  const [named = '', digest] = reference.split('@');
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const repository = hasTag ? named.slice(0, colon) : named;
  if (digest) return { repository, tag: digest, name: `${repository}@${digest}` };
  const tag = hasTag ? named.slice(colon + 1) : 'latest';
  return { repository, tag, name: `${repository}:${tag}` };
}

interface Download {
  readonly client: Dockerode;
  readonly target: Target;
  readonly reference: string;
  readonly options: PullOptions;
  readonly deadline: Deadline;
}

async function download({ client, target, reference, options, deadline }: Download): Promise<void> {
  const { credential, platform, progress } = options;
  const auth = credential
    ? { username: credential.username, password: credential.password, serveraddress: credential.serverAddress }
    : {};
  const query = { fromImage: target.repository, tag: target.tag, ...(platform && { platform }) };
  const stream = await client
    .createImage(auth, { _query: query, _body: {}, abortSignal: deadline.signal })
    .catch((error: unknown) => {
      throw statusOf(error) === null ? error : pullError(engineText(error), reference);
    });
  const layers = layerStates(progress);
  for await (const line of readObjects(stream as AsyncIterable<Buffer>)) {
    const failure = failureIn(line);
    if (failure) throw pullError(failure, reference);
    if (layers(line)) deadline.extend();
  }
}

/** True for a line that shows movement. Calls `progress` when a layer enters another state, not for each byte counted. */
function layerStates(progress: (line: string) => void): (line: Record<string, unknown>) => boolean {
  const states = new Map<string, string>();
  let last = '';
  return (line) => {
    const status = textOf(line['status']);
    const id = textOf(line['id']);
    const whole = `${id} ${status} ${JSON.stringify(line['progressDetail'] ?? null)}`;
    const hasMoved = whole !== last;
    last = whole;
    if (status && (!id || states.get(id) !== status)) progress(id ? `${id}: ${status}` : status);
    // Far above the 127 layers an image may have: memory stays bounded whatever is sent.
    if (id && states.size < 1_000) states.set(id, status);
    return hasMoved;
  };
}

/** A pull that fell silent: the registry's fault when the engine still answers. */
async function blame(engine: Engine, error: unknown, reference: string): Promise<unknown> {
  if (!(error instanceof RetryableError) || error.code !== 'docker-timeout') return error;
  try {
    await engine.version();
  } catch (engineFault) {
    return engineFault;
  }
  const seconds = engine.deadlines.silence / 1000;
  return new RetryableError(
    'registry-unreachable',
    `Pulling ${reference} made no progress for ${seconds} s. The registry is slow or unreachable.`,
  );
}

/** Engines before 1.43 take an image of one platform for whatever was asked. */
function refuseOtherPlatform(image: Image, reference: string, platform: string | null): void {
  const [os, architecture] = (platform ?? '').split('/');
  if ((!os || os === image.os) && (!architecture || architecture === image.architecture)) return;
  const found = `${image.os}/${image.architecture}`;
  throw new TerminalError(
    'wrong-platform',
    `${reference} is built for ${found}, not for ${platform}. Push one that is, or set the platform.`,
  );
}
