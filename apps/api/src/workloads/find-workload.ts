import type { DataSource, SelectQueryBuilder } from 'typeorm';
import type { Config } from '#runtime/config';
import { Workload } from '#store/views/workload.entity';
import { notFound, requireVisible, type Identity } from '../access/identity.js';
import type { FaceAnswer, WorkloadAnswer } from './workload.dto.js';

/** Those that are there and that the caller may see. */
export function visibleWorkloads(reads: DataSource, who: Identity): SelectQueryBuilder<Workload> {
  const query = reads.getRepository(Workload).createQueryBuilder('workload').where("workload.lifecycle <> 'gone'");
  return who.workloadIds === null ? query : query.andWhere('workload.id = any(:scope)', { scope: who.workloadIds });
}

/** With its `env`. Throws `not-found`. */
export async function findWorkload(reads: DataSource, who: Identity, id: string): Promise<Workload> {
  requireVisible(who, id);
  const query = visibleWorkloads(reads, who).addSelect(['workload.env', 'workload.envVersion', 'workload.lifecycle']);
  const found = await query.andWhere('workload.id = :id', { id }).getOne();
  if (found === null) throw notFound('workload');
  return found;
}

export function workloadAnswer(
  { env: _env, envVersion: _envVersion, lifecycle: _lifecycle, ...row }: Workload,
  config: Config,
): WorkloadAnswer {
  return { ...row, faces: row.faces.map((face) => ({ ...face, url: faceUrl(face, config) })) };
}

function faceUrl({ host, path }: Omit<FaceAnswer, 'url'>, { proxy }: Config): string {
  const port = proxy.httpPort === 80 || proxy.httpPort === 0 ? '' : `:${proxy.httpPort}`;
  return `http://${host}${port}${path}`;
}
