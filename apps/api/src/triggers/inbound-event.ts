import { Rejection, type FieldError } from '#domain/errors';
import type { InboundEvent, Wish } from '#plugins/inbound';

type Fields = Readonly<Record<string, unknown>>;
type Shape = Readonly<Record<string, (value: unknown) => boolean>>;

/** An event as a person writes it: what is left out takes the value that says "unknown". Throws `invalid-event`. */
export function readEvent(input: Fields): InboundEvent {
  const { kind } = input;
  const known = typeof kind === 'string' && Object.hasOwn(READERS, kind) ? READERS[kind as keyof typeof READERS] : null;
  if (known === null)
    throw invalid([{ pointer: '/event/kind', detail: `must be one of ${Object.keys(READERS).join(', ')}` }]);
  const errors = shapeErrors(input, known.shape, '/event');
  if (errors.length > 0) throw invalid(errors);
  return known.read(input);
}

const text = (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 1024;
const maybe = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || value === null || check(value);
const flag = (value: unknown) => typeof value === 'boolean';
const instant = (value: unknown) => text(value) && !Number.isNaN(Date.parse(String(value)));
const texts = (value: unknown) => Array.isArray(value) && value.length <= 10_000 && value.every(text);
const digest = (value: unknown) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
const fields = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const kind = text;

const READERS: Readonly<Record<InboundEvent['kind'], { shape: Shape; read(input: Fields): InboundEvent }>> = {
  'image-push': {
    shape: { kind, registry: maybe(text), repository: text, tag: maybe(text), digest: maybe(digest) },
    read: ({ registry = null, repository, tag = null, digest: pinned = null }) =>
      ({ kind: 'image-push', registry, repository, tag, digest: pinned }) as InboundEvent,
  },
  'git-push': {
    shape: {
      ...{
        kind,
        vendor: maybe(text),
        repo: maybe(text),
        ref: text,
        refType: maybe(text),
        branch: maybe(text),
        tag: maybe(text),
      },
      ...{ sha: maybe(text), objectSha: maybe(text), before: maybe(text), created: maybe(flag), forced: maybe(flag) },
      ...{ paths: maybe(texts), pathsComplete: maybe(flag), pusher: maybe(text), message: maybe(text) },
    },
    read: readGitPush,
  },
  schedule: {
    shape: { kind, scheduledFor: instant },
    read: ({ scheduledFor }) => ({ kind: 'schedule', scheduledFor: new Date(String(scheduledFor)).toISOString() }),
  },
  manual: {
    shape: { kind, wish: maybe(fields) },
    read: ({ wish }) =>
      wish === undefined || wish === null ? { kind: 'manual' } : { kind: 'manual', wish: readWish(wish as Fields) },
  },
};

function readGitPush(input: Fields): InboundEvent {
  const ref = String(input['ref']);
  const whole = ref.startsWith('refs/') ? ref : `refs/heads/${ref}`;
  const tag = /^refs\/tags\/(.+)$/.exec(whole)?.[1] ?? null;
  const branch = /^refs\/heads\/(.+)$/.exec(whole)?.[1] ?? null;
  const unknown = { repo: null, sha: null, objectSha: null, before: null, paths: null, pusher: null, message: null };
  const known = { vendor: 'manual', created: false, forced: false, pathsComplete: Array.isArray(input['paths']) };
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined && value !== null));
  return {
    ...unknown,
    ...known,
    ...given,
    kind: 'git-push',
    ref: whole,
    refType: tag === null ? 'branch' : 'tag',
    tag,
    branch,
  };
}

function readWish(input: Fields): Wish {
  const { image, git } = input;
  const errors = [
    ...shapeErrors(input, { image: maybe(fields), git: maybe(fields), force: maybe(flag) }, '/event/wish'),
    ...(fields(image)
      ? shapeErrors(
          image as Fields,
          { repository: maybe(text), tag: maybe(text), digest: maybe(digest) },
          '/event/wish/image',
        )
      : []),
    ...(fields(git) ? shapeErrors(git as Fields, GIT_WISH, '/event/wish/git') : []),
  ];
  if (errors.length > 0) throw invalid(errors);
  return input;
}

const GIT_WISH: Shape = {
  repo: maybe(text),
  ref: maybe(text),
  branch: maybe(text),
  tag: maybe(text),
  sha: maybe(text),
};

function shapeErrors(input: Fields, shape: Shape, pointer: string): FieldError[] {
  const unknown = Object.keys(input).filter((key) => !Object.hasOwn(shape, key));
  const bad = Object.entries(shape).filter(([key, check]) => !check(input[key]));
  return [
    ...unknown.map((key) => ({ pointer: `${pointer}/${key}`, detail: 'is not a known field' })),
    ...bad.map(([key]) => ({
      pointer: `${pointer}/${key}`,
      detail: input[key] === undefined ? 'is required' : 'has the wrong shape',
    })),
  ];
}

function invalid(errors: readonly FieldError[]): Rejection {
  const what = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  return new Rejection('invalid-event', `The event is not valid: ${what}.`, errors);
}
