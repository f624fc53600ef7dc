import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployment } from '#domain/deployment';
import { workload } from '#domain/workload';
import { compareViews } from '#store/compare-views';
import { on } from '#store/operation';
import { freshMemory, look } from '../../../apps/reconciler/src/drift/look.js';
import { startDriftGround, type DriftGround, type Placed } from './fixture.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };

let ground: DriftGround;
beforeEach(async () => {
  ground = await startDriftGround();
});
afterEach(async () => {
  expect(await compareViews({ databaseUrl: ground.databaseUrl })).toEqual([]);
  await ground.close();
});

async function place(policy = {}): Promise<Placed & { containerId: string }> {
  const made = await ground.workload({ policy });
  const deploymentId = await ground.request(made);
  const { id: containerId } = await ground.finish(made.workloadId, deploymentId);
  return { ...made, deploymentId, containerId };
}
const typesOf = async (workloadId: string) => (await ground.events(workloadId)).map(({ type }) => type);
const stateOf = async (workloadId: string) =>
  (await ground.rows<{ state: string }>('select state from view.workload where id = $1', [workloadId]))[0]!.state;

describe('reconcile of the dispatcher with a fake source', () => {
  it('deploys the current release again when a container is gone, and says what healed it', async () => {
    const { workloadId, deploymentId, containerId } = await place();
    await ground.lookTwice();
    expect(await typesOf(workloadId)).toEqual(['ContainersObserved']);
    await ground.docker.removeContainer(containerId);
    await ground.lookTwice();
    const [healing] = await ground.healings(workloadId);
    const [release] = await ground.rows('select release from view.deployment where id = $1', [deploymentId]);
    expect(healing).toMatchObject({ status: 'waiting', note: expect.stringContaining('is gone'), ...release });
    await ground.finish(workloadId, healing!.id);
    await ground.lookTwice();
    expect(await typesOf(workloadId)).toEqual([
      'ContainersObserved',
      'ContainersObserved',
      'DriftObserved',
      'ContainersObserved',
      'DriftHealed',
    ]);
    expect((await ground.events(workloadId)).at(-1)!.data).toMatchObject({
      healedBy: healing!.id,
      findings: [{ kind: 'missing' }],
    });
    expect(await stateOf(workloadId)).toBe('running');
  });

  it('takes the word of a source that records no containers', async () => {
    const made = await ground.workload();
    const id = await ground.request(made);
    const claim = { steps: ['ship'], commitStep: 'ship', owner: 'w', previousDeploymentId: null };
    await ground.store.commit([on(deployment, id, { type: 'ClaimDeployment', ...claim })], CAUSE);
    await ground.store.commit([on(deployment, id, { type: 'CompleteStep', step: 'ship', facts: {} })], CAUSE);
    await ground.lookTwice();
    expect(await ground.healings(made.workloadId)).toEqual([]);
    ground.words.set(made.workloadId, { state: 'missing', detail: 'nothing of it runs' });
    await ground.lookTwice();
    expect(await ground.healings(made.workloadId)).toMatchObject([{ note: 'nothing of it runs' }]);
  });

  it('waits for a second look, and for whoever is at the workload', async () => {
    const { workloadId, name, containerId } = await place();
    await ground.docker.removeContainer(containerId);
    expect(await look(ground.deps, freshMemory(), ground.clock.now)).toBe('soon');
    expect(await typesOf(workloadId)).toEqual([]);
    const other = await ground.request({ workloadId, name }, '2.0.0');
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toEqual([]);
    await ground.store.commit([on(deployment, other, { type: 'CancelDeployment', message: 'x' })], CAUSE);
    const epoch = await ground.store.leases.acquire({ subject: `workload-${workloadId}`, owner: 'w', ttlMs: 60_000 });
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toEqual([]);
    await ground.store.leases.release({ subject: `workload-${workloadId}`, epoch: epoch! });
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toHaveLength(1);
  });

  it('asks once, however many reconcilers look at the same moment', async () => {
    const { workloadId, containerId } = await place();
    await ground.docker.removeContainer(containerId);
    const memories = Array.from({ length: 5 }, () => freshMemory());
    await Promise.all(memories.map((memory) => ground.lookTwice(memory)));
    expect(await ground.healings(workloadId)).toHaveLength(1);
    expect(await ground.rows('select attempt from state.heal')).toEqual([{ attempt: 1 }]);
    expect((await typesOf(workloadId)).filter((type) => type === 'DriftObserved')).toHaveLength(1);
  });

  it('after a failed attempt waits longer and longer', async () => {
    const { workloadId, containerId } = await place();
    await ground.docker.removeContainer(containerId);
    await ground.lookTwice();
    const [first] = await ground.healings(workloadId);
    const { id } = await ground.finish(workloadId, first!.id, { fails: true });
    await ground.docker.removeContainer(id);
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toHaveLength(1);
    ground.clock.now += 31_000;
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toHaveLength(2);
  });

  it.each([
    ['alert', ['ContainersObserved', 'DriftObserved']],
    ['ignore', ['ContainersObserved']],
  ] as const)('with the policy %s heals nothing', async (drift, types) => {
    const { workloadId, containerId } = await place({ drift });
    await ground.docker.removeContainer(containerId);
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toEqual([]);
    expect(await typesOf(workloadId)).toEqual(types);
    expect(await stateOf(workloadId)).toBe('degraded');
  });

  it('leaves containers alone that a restored log does not know, and what they replace', async () => {
    const { workloadId, containerId } = await place();
    await ground.docker.removeContainer(containerId);
    const unknown = '0198c0de-0000-7000-8000-0000000000ff';
    const newer = await ground.run(ground.labelsOf(workloadId, unknown));
    ground.clock.now += 3_600_000;
    await ground.lookTwice();
    expect(await ground.healings(workloadId)).toEqual([]);
    expect([...ground.docker.containers.keys()]).toEqual([newer.id]);
    const drift = (await ground.events(workloadId)).find(({ type }) => type === 'DriftObserved')!;
    expect(drift.data['findings']).toMatchObject([{ kind: 'missing' }, { kind: 'unknown' }]);
  });

  it('costs the same calls and queries for one workload as for twenty', async () => {
    const cost = async () => {
      await ground.lookTwice(ground.memory);
      const calls = { list: 0, query: 0 };
      const { docker, store } = ground;
      const counted = {
        ...ground.deps,
        docker: Object.assign(Object.create(docker) as typeof docker, {
          listContainers: (labels: readonly string[]) => ((calls.list += 1), docker.listContainers(labels)),
        }),
        store: {
          ...store,
          pool: new Proxy(store.pool, {
            get: (pool, key) =>
              key === 'query'
                ? (...args: never[]) => ((calls.query += 1), (pool.query as (...all: never[]) => unknown)(...args))
                : (Reflect.get(pool, key) as unknown),
          }),
        },
      };
      expect(await look(counted, ground.memory, ground.clock.now)).toBe('calm');
      return calls;
    };
    await place();
    const one = await cost();
    for (let count = 1; count < 20; count += 1) await place();
    expect(await cost()).toEqual(one);
    expect(one.list).toBe(1);
  });
});

describe('a route', () => {
  it('that was lost is mended without touching the containers', async () => {
    const { workloadId } = await place();
    expect((await ground.routeOf(workloadId))!.ports).toEqual([]);
    await ground.lookTwice();
    expect((await ground.routeOf(workloadId))!.ports).toHaveLength(1);
    expect(await ground.healings(workloadId)).toEqual([]);
  });

  it('whose file is gone from its folder is mended too', async () => {
    const { workloadId } = await place();
    await ground.lookTwice();
    const directory = join(ground.deps.routesDirectory, workloadId);
    for (const name of await readdir(directory)) await rm(join(directory, name));
    expect(await ground.routeOf(workloadId)).toBeNull();
    await ground.lookTwice();
    expect((await ground.routeOf(workloadId))!.ports).toHaveLength(1);
  });

  it('of a later time than the log is no obstacle', async () => {
    const { workloadId } = await place();
    const epoch = await ground.store.leases.acquire({ subject: `workload-${workloadId}`, owner: 'w', ttlMs: 1 });
    await ground.lookTwice();
    const before = (await ground.routeOf(workloadId))!.epoch;
    await ground.rows('update state.lease set epoch = $1 where subject = $2', [epoch! - 1, `workload-${workloadId}`]);
    await ground.lookTwice();
    const { epoch: after } = await ground.store.leases.peek(`workload-${workloadId}`);
    expect(after).toBeGreaterThanOrEqual(before);
  });
});

describe('what is left over', () => {
  const leave = async (count: number) => {
    const made = await ground.workload();
    for (let n = 0; n < count; n += 1) {
      await ground.finish(made.workloadId, await ground.request(made, `0.0.${n}`), { fails: true });
    }
    const last = await ground.request(made);
    const { id } = await ground.finish(made.workloadId, last);
    ground.clock.now += 3_600_000;
    return { ...made, id };
  };
  const removalOf = async () =>
    (await ground.rows<{ status: string; total: number }>('select status, total from view.removal'))[0];

  it('is removed after its grace, with its ports; other installations and strangers stay', async () => {
    const { workloadId, id } = await leave(1);
    await ground.rows(`insert into state.port (port, node, container_name, container_port)
      select 40000, 'default', '${[...ground.docker.containers.values()][0]!.spec.name}', 80`);
    const theirs = await ground.run(ground.labelsOf(workloadId, '0198c0de-0000-7000-8000-0000000000aa', 'another'));
    const foreign = await ground.run({ app: 'foreign' });
    await ground.lookTwice();
    expect([...ground.docker.containers.keys()].sort()).toEqual([id, theirs.id, foreign.id].sort());
    expect(await ground.rows('select from state.port')).toEqual([]);
  });

  it('by the dozen waits for a person, and is removed when confirmed', async () => {
    const { id } = await leave(7);
    await ground.lookTwice();
    expect(ground.docker.containers.size).toBe(8);
    expect(await removalOf()).toEqual({ status: 'held', total: 8 });
    const { removal } = await import('#domain/removal');
    await ground.store.commit([on(removal, 'default', { type: 'ConfirmRemoval', node: 'default' })], CAUSE);
    await ground.lookTwice();
    expect([...ground.docker.containers.keys()]).toEqual([id]);
    await ground.lookTwice();
    expect(await removalOf()).toBeUndefined();
  });

  it('is nothing at all when the views are empty', async () => {
    await leave(3);
    await ground.rows('create table keep as select * from view.workload');
    await ground.rows('create table kept as select * from view.deployment');
    await ground.rows('delete from view.workload');
    await ground.rows('delete from view.deployment');
    await ground.lookTwice();
    expect(ground.docker.containers.size).toBe(4);
    await ground.rows('insert into view.deployment select * from kept').catch(() => undefined);
    const { rebuildViews } = await import('#store/rebuild');
    await rebuildViews({ databaseUrl: ground.databaseUrl });
  });

  it('is not what a route points at', async () => {
    const made = await ground.workload();
    const first = await ground.finish(made.workloadId, await ground.request(made, '0.1.0'), { fails: true });
    const name = ground.docker.containers.get(first.id)!.spec.name;
    await ground.rows(
      `insert into state.port (port, node, container_name, container_port) values ($1, 'default', $2, 80)`,
      [first.port, name],
    );
    const { switchRoute, routeDirectory } = await import('#runtime/route-files');
    const directory = routeDirectory(ground.deps.routesDirectory, made.workloadId);
    await switchRoute({ directory, from: { epoch: 0, ports: [] }, epoch: 1, ports: [first.port] });
    ground.clock.now += 3_600_000;
    await ground.lookTwice();
    expect(ground.docker.containers.has(first.id)).toBe(true);
  });
});

describe('a crash loop', () => {
  const crashAll = async (containerId: string, restarts: number) => {
    const inspect = ground.docker.inspectContainer.bind(ground.docker);
    ground.docker.inspectContainer = async (id) => {
      const found = await inspect(id);
      return found && id === containerId ? { ...found, restartCount: restarts } : found;
    };
    const memory = freshMemory();
    memory.deaths.set(containerId, 3);
    await ground.lookTwice(memory);
  };
  const watched = (onFailure: 'alert' | 'rollback') => ({ watchWindow: { seconds: 600, onFailure } });
  const rollbacks = (workloadId: string) =>
    ground.rows<{ id: string; release: { artifact: { tag: string } } }>(
      `select id, release from view.deployment where workload_id = $1 and reason = 'rollback'`,
      [workloadId],
    );

  it('is told, shown, and rolled back once', async () => {
    const made = await ground.workload({ policy: watched('rollback') });
    await ground.finish(made.workloadId, await ground.request(made, '1.0.0'));
    const bad = await ground.request(made, '1.1.0');
    const { id } = await ground.finish(made.workloadId, bad);
    await crashAll(id, 2);
    expect(await rollbacks(made.workloadId)).toEqual([]);
    await crashAll(id, 3);
    await ground.lookTwice();
    const [rollback] = await rollbacks(made.workloadId);
    expect(rollback!.release.artifact.tag).toBe('1.0.0');
    const again = await ground.finish(made.workloadId, rollback!.id);
    expect((await ground.store.load(deployment, rollback!.id)).state.request).toMatchObject({ reason: 'rollback' });
    // The one before crashes too: shown, and left at that.
    await crashAll(again.id, 5);
    await ground.lookTwice();
    expect(await rollbacks(made.workloadId)).toHaveLength(1);
    expect(await stateOf(made.workloadId)).toBe('degraded');
    const types = await typesOf(made.workloadId);
    expect(types.filter((type) => type === 'ContainerCrashed')).toHaveLength(3);
    expect(types.filter((type) => type === 'WatchFailed')).toHaveLength(2);
  });

  it('is only told with the policy to alert, and without a release before', async () => {
    for (const onFailure of ['alert', 'rollback'] as const) {
      const made = await ground.workload({ policy: watched(onFailure) });
      const { id } = await ground.finish(made.workloadId, await ground.request(made));
      await crashAll(id, 3);
      await ground.lookTwice();
      expect(await rollbacks(made.workloadId)).toEqual([]);
      expect(await typesOf(made.workloadId)).toContain('WatchFailed');
      expect(await stateOf(made.workloadId)).toBe('degraded');
      expect((await ground.store.load(workload, made.workloadId)).state.hold).toBeNull();
    }
  });
});
