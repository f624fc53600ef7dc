import { brokenLog } from '../log-invariants.js';
import { until } from '../until.js';
import { plantCanaries, type Canaries } from './canaries.js';
import { untilQuiet } from './quiet.js';
import { brokenReality } from './reality.js';
import { Resources } from './resources.js';
import { lookEverywhere } from './secret-watch.js';
import type { World } from './world.js';

/** Every so many checks the whole of the database is searched for secrets. */
const SECRETS_EVERY = 5;

/** Heals, waits until all is quiet, and says which of I1–I12 does not hold. */
export class Checker {
  readonly #resources = new Resources();
  #checks = 0;

  private constructor(
    private readonly world: World,
    private readonly canaries: Canaries,
  ) {}

  static async create(world: World): Promise<Checker> {
    return new Checker(world, await plantCanaries(world));
  }

  async broken({ isLast = false } = {}): Promise<readonly string[]> {
    const { world } = this;
    world.heal();
    await world.processes.allUp();
    const broken = [...(await untilQuiet(world))];
    broken.push(...(await brokenLog(world.store.pool, world.databaseUrl)));
    broken.push(...(await this.#brokenDeliveries()));
    broken.push(...(await brokenReality(world)), ...(await this.canaries.broken()));
    broken.push(...(await this.#brokenFaces()));
    broken.push(...(await this.#resources.broken(world)));
    broken.push(...(await this.#brokenStream()));
    this.#checks += 1;
    if (isLast || this.#checks % SECRETS_EVERY === 0) await lookEverywhere(world);
    broken.push(...world.secrets.take().map((found) => `I9: ${found}`));
    return broken;
  }

  /** I1: what was promised is there, once; each push that was told several times is one delivery. */
  async #brokenDeliveries(): Promise<readonly string[]> {
    const { acked, tags } = this.world.deliveries;
    const { rows } = await this.world.store.pool.query<{ id: string }>('select id from view.delivery');
    const stored = new Set(rows.map(({ id }) => id));
    const lost = [...acked].filter((id) => !stored.has(id)).map((id) => `I1: delivery ${id} was taken and is lost`);
    const doubled = await this.world.store.pool.query<{ tag: string; times: number }>(
      `select e->>'tag' as tag, count(*)::int as times from view.delivery d, jsonb_array_elements(d.events) e
        group by 1 having count(*) > 1`,
    );
    return [
      ...lost,
      ...doubled.rows.map(({ tag, times }) => `I1: the push of ${tag} is stored ${times} times`),
      ...[...tags].filter(([, ids]) => ids.size > 1).map(([tag]) => `I1: the push of ${tag} got several ids`),
    ];
  }

  /** I8: no request failed, and what serves is what the views say. */
  async #brokenFaces(): Promise<readonly string[]> {
    const { world } = this;
    const { rows } = await world.store.pool.query<{ id: string; digest: string }>(
      `select id, current_artifact->>'digest' as digest from view.workload where lifecycle = 'present'`,
    );
    const wrong: string[] = [];
    for (const each of [...world.workloads, ...world.bound].filter(({ isServing }) => isServing)) {
      const version = world.images.versionOf(rows.find(({ id }) => id === each.id)?.digest ?? '');
      const serves = async () => world.probe.answer(each.host) === version;
      const isRight = await until(serves, 'the face', 2_000).catch(() => false);
      if (!isRight) wrong.push(`I8: ${each.name} serves ${world.probe.answer(each.host)}, and ${version} is current`);
    }
    const failures = world.probe.takeFailures();
    const shown = failures.slice(0, 5).map(({ host, at, what }) => `I8: at ${at} ${host} answered ${what}`);
    return failures.length > 5 ? [...shown, `I8: and ${failures.length - 5} more`, ...wrong] : [...shown, ...wrong];
  }

  /** I3, I4: a reader of the stream saw every position once and in order, up to the last. */
  async #brokenStream(): Promise<readonly string[]> {
    const { store, follower } = this.world;
    const { rows } = await store.pool.query<{ head: string }>('select max(position) as head from log.position');
    const head = BigInt(rows[0]!.head);
    const caughtUp = await until(async () => follower.position >= head, 'the follower', 10_000).catch(() => false);
    const late = caughtUp ? [] : [`I4: a reader of the stream is at ${follower.position}, the log at ${head}`];
    return [...follower.takeFaults().map((fault) => `I4: in the stream, ${fault}`), ...late];
  }
}
