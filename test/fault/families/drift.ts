import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LABELS } from '#domain/naming';
import { engineCall, engineJson } from '../../support/engine-call.js';
import { until } from '../../support/until.js';
import type { World, WorldWorkload } from '../../support/world/world.js';
import { pause, succeeds } from '../deploys.js';
import { expectThat, type Fault } from '../fault.js';

interface Found {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>>;
}

async function containersOf({ engine }: World, { id }: WorldWorkload): Promise<readonly Found[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${LABELS.workloadId}=${id}`] }));
  return (await engineJson(engine.host, { path: `/containers/json?all=true&filters=${filters}` })) as Found[];
}

const byHand: Fault[] = [
  { what: 'removed', call: (id: string) => ({ method: 'DELETE', path: `/containers/${id}?force=true` }) },
  { what: 'stopped', call: (id: string) => ({ method: 'POST', path: `/containers/${id}/stop?t=1` }) },
].map(({ what, call }) => ({
  name: `a container ${what} by hand`,
  rows: [45],
  async run({ world, workload }) {
    const [container] = await containersOf(world, workload);
    const forgive = world.probe.excuse([workload.host]);
    await engineCall(world.engine.host, call(container!.Id));
    await healed(world, workload, container!.Labels[LABELS.deploymentId]!);
    await world.probe.recovered([workload.host]);
    forgive();
  },
}));

async function healed({ store }: World, { id }: WorldWorkload, lost: string): Promise<void> {
  await until(
    async () => {
      const { rows } = await store.pool.query<{ reason: string }>(
        `select d.reason from view.workload w join view.deployment d on d.id = w.current_deployment_id
          where w.id = $1 and d.id <> $2 and not d.is_unfinished`,
        [id, lost],
      );
      return rows.length > 0;
    },
    'the drift to be healed',
    45_000,
  );
}

/** Of a deployment that is known and over: collected, after the grace. One that another installation made: left alone. */
const leftovers: Fault = {
  name: 'containers left over, ours and another installation’s',
  rows: [44],
  async run({ world, workload }) {
    const { store, engine, images } = world;
    const failed = await world.ended(await world.deploy(workload, 'exits'));
    const installation = (await store.pool.query<{ id: string }>('select id from state.installation')).rows[0]!.id;
    const make = async (name: string, owner: string) => {
      const Labels = {
        [LABELS.workloadId]: workload.id,
        [LABELS.kind]: 'image',
        [LABELS.deploymentId]: failed.id as string,
        [LABELS.installation]: owner,
      };
      const body = JSON.stringify({ Image: `${images.repository}:a`, Labels, HostConfig: { NetworkMode: 'none' } });
      const headers = { 'content-type': 'application/json' };
      const path = `/containers/create?name=${name}-${workload.name}`;
      return ((await engineJson(engine.host, { method: 'POST', path, body, headers })) as { Id: string }).Id;
    };
    const [ours, theirs] = [await make('left', installation), await make('theirs', 'another-installation')];
    const isThere = async (id: string) =>
      (await engineCall(engine.host, { path: `/containers/${id}/json` })).status === 200;
    try {
      await until(async () => !(await isThere(ours)), 'the leftover to be collected', 60_000);
      expectThat(await isThere(theirs), 'a container of another installation was removed');
    } finally {
      await engineCall(engine.host, { method: 'DELETE', path: `/containers/${theirs}?force=true` });
    }
  },
};

/** Views that forgot everything are no reason to remove anything. */
const forgotten: Fault = {
  name: 'the views are empty',
  rows: [46],
  isAlone: true,
  async run({ world }) {
    const all = async () => {
      const filters = encodeURIComponent(JSON.stringify({ label: [LABELS.workloadId] }));
      const path = `/containers/json?filters=${filters}`;
      return ((await engineJson(world.engine.host, { path })) as Found[]).map(({ Id }) => Id).sort();
    };
    const before = await all();
    const forgive = world.probe.excuse();
    await world.store.pool.query('truncate view.workload, view.deployment, view.face, view.step');
    // Longer than what is left over stays.
    await pause(12_000);
    const after = await all();
    const { code, output } = await world.processes.admin(['rebuild']);
    expectThat(code === 0, `the rebuild ended with ${code}: ${output}`);
    expectThat(before.join() === after.join(), `${before.length} containers were there, ${after.length} are left`);
    await world.probe.recovered();
    forgive();
    await succeeds(world, await world.deploy(world.workloads[0]!, 'b'));
  },
};

const gone: Fault = {
  name: 'a route file lost',
  rows: [42],
  async run({ world, workload }) {
    const folder = join(world.dataDir, 'routes', workload.id);
    const version = world.probe.answer(workload.host);
    const forgive = world.probe.excuse([workload.host]);
    const { rm } = await import('node:fs/promises');
    for (const name of await readdir(folder)) await rm(join(folder, name));
    await until(async () => world.probe.answer(workload.host) !== version, 'the face to be lost');
    await world.probe.recovered([workload.host]);
    forgive();
  },
};

export const drift: readonly Fault[] = [...byHand, leftovers, forgotten, gone];
