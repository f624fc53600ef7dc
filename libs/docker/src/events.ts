import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { dialStream } from './dial.js';
import type { ContainerEvent, WatchOptions } from './docker.js';
import type { Engine } from './engine.js';
import { readObjects } from './ndjson.js';

/** What changes whether a container runs. Health probes of the engine are events too, by the thousand. */
const ACTIONS = ['create', 'start', 'die', 'oom', 'stop', 'pause', 'unpause', 'destroy', 'rename', 'health_status'];
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** One line is held at a time; whoever is called decides what to keep. */
export async function watchContainers(engine: Engine, options: WatchOptions): Promise<void> {
  const { signal } = options;
  let since: number | null = null;
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const stream = await open(engine, options, since);
      pause = FIRST_PAUSE_MS;
      options.onOpen();
      for await (const raw of readObjects(stream)) {
        const event = eventOf(raw);
        if (event === null) continue;
        since = event.second;
        options.onEvent(event);
      }
    } catch (error) {
      if (!signal.aborted) options.onLost(error);
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

/** Its deadline ends with the answer's head: the stream itself has none. */
async function open(engine: Engine, options: WatchOptions, since: number | null): Promise<IncomingMessage> {
  const { labels, signal } = options;
  const filters = JSON.stringify({ type: ['container'], event: ACTIONS, label: [...labels] });
  const query = { filters, ...(since !== null && { since }) };
  const call = { what: 'tell its events', milliseconds: engine.deadlines.look, signal, long: true };
  const stream = await engine.call(call, (client, deadline) =>
    dialStream(client, { path: '/events', query, signal: deadline.signal }),
  );
  const end = () => stream.destroy();
  signal.addEventListener('abort', end, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', end));
  if (signal.aborted) end();
  return stream;
}

/** Null for what is no event of a container. */
function eventOf(raw: Record<string, unknown>): (ContainerEvent & { second: number }) | null {
  const { Action: action, Actor: actor, time: second } = raw;
  const { ID: id, Attributes: labels } = (actor ?? {}) as { ID?: unknown; Attributes?: Record<string, string> };
  if (typeof action !== 'string' || typeof id !== 'string' || typeof second !== 'number') return null;
  const exitCode = Number(labels?.['exitCode'] ?? NaN);
  return { action, id, labels: labels ?? {}, exitCode: Number.isNaN(exitCode) ? null : exitCode, second };
}
