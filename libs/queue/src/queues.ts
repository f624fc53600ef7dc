import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, type IQueueBackend } from 'bullmq';
import type { Reaction, ReactionName } from '#domain/reactions';
import type { QueueBackend } from './backend.js';
import { asError, onceInAWhile, type OnQueueError, type QueueFailure } from './errors.js';
import { jobId, queueName, type JobData } from './names.js';
import { connectPostgres } from './postgres.js';
import { connectRedis } from './redis.js';
import { within, TIMED_OUT } from './within.js';
import { startWorker, type WorkOptions, type WorkerHandle } from './worker.js';

export interface QueuesOptions {
  readonly databaseUrl: string;
  /** Null = the queue lives in the database. */
  readonly redisUrl: string | null;
  /** Connections to Postgres for the queue, one for LISTEN not counted; 4 unless told. */
  readonly poolSize?: number;
  /** True unless told: bring the queue's tables up to date. Else a process refuses to start on missing or old ones. */
  readonly migrate?: boolean;
  readonly onError: OnQueueError;
}

/** Unknown = the backend did not answer in time: leave the job alone and ask again later. */
export type JobState = 'missing' | 'waiting' | 'delayed' | 'active' | 'other' | 'unknown';

export interface JobCounts {
  readonly waiting: number;
  readonly delayed: number;
  readonly active: number;
}

/** The queues of this process. A job is a hint: losing one costs time, never correctness. */
export interface Queues {
  /** Puts a reaction's job in, out of the caller's way: never throws, never waits; what goes wrong is reported. */
  add(reaction: Reaction, eventId: string, attempt: number): void;
  /** Where that same job is now. Answers within a second. */
  state(reaction: Reaction, eventId: string, attempt: number): Promise<JobState>;
  work(options: WorkOptions): WorkerHandle;
  /** Age in seconds of the longest waiting job, 0 = none waits, null = the backend did not answer in a second. */
  age(queue: string): Promise<number | null>;
  /** Null = the backend did not answer in a second. */
  counts(queue: string): Promise<JobCounts | null>;
  /** Gives adds under way 2 s, ends what workers are left, then the connections. Never waits for ever. */
  close(): Promise<void>;
}

/** Throws when the backend is unreachable, not migrated, or unfit (see connectRedis). */
export async function createQueues(options: QueuesOptions): Promise<Queues> {
  const { databaseUrl, redisUrl, poolSize = 4, migrate = true, onError } = options;
  const onConnectionError = onceInAWhile((error) =>
    onError({ operation: 'connection', queue: null, jobId: null, error }),
  );
  const backend = redisUrl
    ? await connectRedis(redisUrl, onConnectionError)
    : await connectPostgres({ databaseUrl, poolSize, migrate, onError: onConnectionError });
  return new BackedQueues(backend, onError);
}

type JobQueue = Queue<JobData, void, string, JobData, void, string, IQueueBackend, unknown>;

const ANSWER_MS = 1_000;
const CLOSE_MS = 2_000;
/** A call that hangs must not hold up the queue's later ones. */
const ADD_MS = 5_000;
/** On Postgres a bulk call costs as much as ten single ones (it makes and drops tables of its own), whatever is in it. */
const FEW = 8;
/** Between two calls of one queue: what comes in meanwhile goes together. */
const SPACING_MS = 20;

interface Hint {
  readonly id: string;
  readonly name: ReactionName;
  readonly subjectId: string;
}

const JOB_OPTIONS = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

const STATES: Readonly<Record<string, JobState>> = {
  unknown: 'missing',
  waiting: 'waiting',
  prioritized: 'waiting',
  delayed: 'delayed',
  active: 'active',
};

class BackedQueues implements Queues {
  readonly #queues = new Map<string, JobQueue>();
  /** Queue → hints that go with its next call; present while one is under way. */
  readonly #gathered = new Map<string, Hint[]>();
  readonly #adding = new Set<Promise<void>>();
  readonly #workers = new Set<WorkerHandle>();

  constructor(
    private readonly backend: QueueBackend,
    private readonly onError: OnQueueError,
  ) {}

  add(reaction: Reaction, eventId: string, attempt: number): void {
    const hint = { id: jobId(reaction.name, eventId, attempt), name: reaction.name, subjectId: reaction.subjectId };
    const queue = reaction.name === 'fan-out' || reaction.node !== null ? queueName(reaction) : null;
    if (queue === null)
      return this.#report('add', reaction.name, new Error(`A ${reaction.name} needs a node.`), hint.id);
    const gathered = this.#gathered.get(queue);
    if (gathered !== undefined) return void gathered.push(hint);
    this.#gathered.set(queue, [hint]);
    const adding = this.#addGathered(queue);
    this.#adding.add(adding);
    void adding.finally(() => this.#adding.delete(adding));
  }

  async state(reaction: Reaction, eventId: string, attempt: number): Promise<JobState> {
    const id = jobId(reaction.name, eventId, attempt);
    const state = await this.#ask(queueName(reaction), (queue) => queue.getJobState(id));
    return state === null ? 'unknown' : (STATES[state] ?? 'other');
  }

  work(options: WorkOptions): WorkerHandle {
    const worker = startWorker(this.backend, options, this.onError);
    this.#workers.add(worker);
    return worker;
  }

  age(queue: string): Promise<number | null> {
    return this.#ask(queue, longestWait);
  }

  async counts(queue: string): Promise<JobCounts | null> {
    const counts = await this.#ask(queue, (jobs) => jobs.getJobCounts('waiting', 'delayed', 'active'));
    return counts && { waiting: counts.waiting ?? 0, delayed: counts.delayed ?? 0, active: counts.active ?? 0 };
  }

  async close(): Promise<void> {
    await within(CLOSE_MS, Promise.all(this.#adding));
    await Promise.all([...this.#workers].map((worker) => worker.close(0)));
    await within(CLOSE_MS, Promise.all([...this.#queues.values()].map((queue) => queue.close())));
    await this.backend.close(CLOSE_MS);
  }

  /** One call at a time per queue carries all that came in meanwhile; the first goes at once. */
  async #addGathered(name: string): Promise<void> {
    await Promise.resolve(); // What one commit asks for goes together.
    for (let hints = this.#gathered.get(name)!; hints.length > 0; hints = this.#gathered.get(name)!) {
      this.#gathered.set(name, []);
      await this.#put(name, hints).catch((thrown: unknown) =>
        hints.forEach(({ id }) => this.#report('add', name, thrown, id)),
      );
      if (hints.length > FEW) await sleep(SPACING_MS);
    }
    this.#gathered.delete(name);
  }

  async #put(name: string, hints: readonly Hint[]): Promise<void> {
    const queue = this.#queue(name);
    const jobs = hints.map(({ id, name: reaction, subjectId }) => ({
      name: reaction,
      data: { id: subjectId },
      opts: { ...JOB_OPTIONS, jobId: id },
    }));
    const added: Promise<unknown> =
      jobs.length > FEW
        ? queue.addBulk(jobs)
        : Promise.all(jobs.map(({ name: reaction, data, opts }) => queue.add(reaction, data, opts)));
    const answer = await within(ADD_MS, added);
    if (answer === TIMED_OUT) throw new Error(`The job queue did not take the jobs within ${ADD_MS / 1_000} s.`);
  }

  async #ask<T>(name: string, question: (queue: JobQueue) => Promise<T>): Promise<T | null> {
    try {
      const answer = await within(ANSWER_MS, question(this.#queue(name)));
      if (answer !== TIMED_OUT) return answer;
      throw new Error(`The job queue did not answer within ${ANSWER_MS / 1_000} s.`);
    } catch (thrown) {
      this.#report('read', name, thrown, null);
      return null;
    }
  }

  #queue(name: string): JobQueue {
    if (!this.backend.isUp()) throw new Error('The job queue cannot be reached at the moment.');
    return this.#queues.get(name) ?? this.#open(name);
  }

  #open(name: string): JobQueue {
    // No one reads BullMQ's event stream. Shorter, Postgres spends more on trimming it than on the jobs.
    const settings = { connection: {}, streams: { events: { maxLen: 10_000 } } };
    const queue: JobQueue = new Queue(name, settings, this.backend.factory);
    queue.on('error', () => undefined); // The shared connection reports its own errors, once for all queues.
    this.#queues.set(name, queue);
    return queue;
  }

  #report(operation: QueueFailure['operation'], queue: string, thrown: unknown, id: string | null): void {
    this.onError({ operation, queue, jobId: id, error: asError(thrown) });
  }
}

/** Seconds. Both backends list the newest first; only Redis can be asked for it the other way round. */
async function longestWait(queue: JobQueue): Promise<number> {
  const last = (await queue.getWaitingCount()) - 1;
  const [job] = last < 0 ? [] : await queue.getJobs(['waiting'], last, last);
  return job ? Math.max(0, (Date.now() - job.timestamp) / 1_000) : 0;
}
