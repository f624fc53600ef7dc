import type { DataSource, SelectQueryBuilder } from 'typeorm';
import type { Config } from '#runtime/config';
import { Workload } from '#store/views/workload.entity';
import { notFound, requireVisible, type Identity } from '../access/identity.js';
import { maskRefs } from '../records/masked.js';
import { faceCertificates } from './face-certificates.js';
import { faceUrls } from './face-urls.js';
import { maskFace } from './mask-face.js';
import type { WorkloadAnswer } from './workload.dto.js';

/** Those that are there and that the caller may see. */
export function visibleWorkloads(reads: DataSource, who: Identity): SelectQueryBuilder<Workload> {
  const query = reads.getRepository(Workload).createQueryBuilder('workload').where("workload.lifecycle <> 'gone'");
  return who.workloadIds === null ? query : query.andWhere('workload.id = any(:scope)', { scope: who.workloadIds });
}

/** With its `env`. Throws `not-found`. */
export async function findWorkload(reads: DataSource, who: Identity, id: string): Promise<Workload> {
  requireVisible(who, id);
  const query = visibleWorkloads(reads, who).addSelect([
    'workload.env',
    'workload.envVersion',
    'workload.volumes',
    'workload.lifecycle',
  ]);
  const found = await query.andWhere('workload.id = :id', { id }).getOne();
  if (found === null) throw notFound('workload');
  return found;
}

/** As they are shown: secrets masked, and where each face answers. */
export async function workloadAnswers(
  reads: DataSource,
  config: Config,
  rows: readonly Workload[],
): Promise<WorkloadAnswer[]> {
  const [urlOf, certificateOf, silent] = await Promise.all([
    faceUrls(reads, config, rows),
    faceCertificates(reads, rows),
    silentNodes(reads),
  ]);
  return rows.map((row) => {
    const { env: _env, envVersion: _envVersion, volumes: _volumes, lifecycle: _lifecycle, ...shown } = row;
    const nodeIsSilent = silent.has(row.node);
    const sourceConfig = maskRefs(row.sourceConfig);
    return {
      ...shown,
      sourceConfig,
      nodeIsSilent,
      faces: row.faces.map((face) => ({
        ...maskFace(face),
        url: urlOf(row, face),
        seenCertificate: certificateOf(row, face),
      })),
    };
  });
}

/** Their workloads are as they were when they were seen last. */
async function silentNodes(reads: DataSource): Promise<ReadonlySet<string>> {
  const rows: { node: string }[] = await reads.query(
    'select node from state.heartbeat group by node having max(silent_at) <= clock_timestamp()',
  );
  return new Set(rows.map(({ node }) => node));
}

export async function workloadAnswer(reads: DataSource, config: Config, row: Workload): Promise<WorkloadAnswer> {
  return (await workloadAnswers(reads, config, [row]))[0]!;
}
