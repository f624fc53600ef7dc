import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import type { Face } from '#domain/face';
import { workload } from '#domain/workload';
import { on, type Operation } from '#store/operation';

export interface MovedFaces {
  readonly operations: readonly Operation[];
  readonly faces: readonly Face[];
}

/**
 * Every face that names a subdomain, completed by another domain, for the commit that changes it. Throws
 * `domain-in-use` naming the workloads when there is to be none any more.
 */
export async function moveDomain(reads: DataSource, domain: string | null): Promise<MovedFaces> {
  const rows: { id: string; name: string; faces: readonly Face[] }[] = await reads.query(
    `select id, name, faces from view.workload
      where lifecycle = 'present' and jsonb_path_exists(faces, '$[*].subdomain') order by name`,
  );
  if (rows.length > 0 && domain === null) {
    const names = rows.map(({ name }) => name).join(', ');
    throw new Rejection('domain-in-use', `Subdomains of it are faces of ${names}. Change those first.`, [
      { pointer: '/domain', detail: `is used by ${names}` },
    ]);
  }
  const moved = rows.map(({ id, faces }) => ({ id, faces: faces.map((face) => completed(face, domain)) }));
  return {
    operations: moved.map(({ id, faces }) => on(workload, id, { type: 'ChangeWorkload', changes: {}, faces })),
    faces: moved.flatMap(({ faces }) => faces),
  };
}

function completed(face: Face, domain: string | null): Face {
  return face.subdomain === undefined ? face : { ...face, host: `${face.subdomain}.${domain}` };
}
