import { engineJson } from '../engine-call.js';
import type { World } from './world.js';

/** What is none of ours in the same engine, and may not be touched. */
export interface Canaries {
  broken(): Promise<readonly string[]>;
}

const VOLUME = 'canary-volume';
const NETWORK = 'canary-network';

export async function plantCanaries({ engine, images }: World): Promise<Canaries> {
  const headers = { 'content-type': 'application/json' };
  const post = (path: string, body: object) =>
    engineJson(engine.host, { method: 'POST', path, body: JSON.stringify(body), headers });
  await post('/volumes/create', { Name: VOLUME });
  await post('/networks/create', { Name: NETWORK, Driver: 'bridge' });
  const shape = { Image: `${images.repository}:a`, HostConfig: { NetworkMode: 'none', Binds: [`${VOLUME}:/data`] } };
  const { Id } = (await post('/containers/create?name=canary', shape)) as { Id: string };
  await post(`/containers/${Id}/start`, {});
  const look = async () => {
    const found = (await engineJson(engine.host, { path: `/containers/${Id}/json` })) as {
      State: { Running: boolean; StartedAt: string };
    };
    return found.State;
  };
  const { StartedAt } = await look();
  return {
    async broken() {
      try {
        const now = await look();
        await engineJson(engine.host, { path: `/volumes/${VOLUME}` });
        await engineJson(engine.host, { path: `/networks/${NETWORK}` });
        return now.Running && now.StartedAt === StartedAt
          ? []
          : [`I7: the foreign container is now ${JSON.stringify(now)}`];
      } catch (error) {
        return [`I7: something foreign is gone: ${String(error)}`];
      }
    },
  };
}
