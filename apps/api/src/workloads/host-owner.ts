import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { normaliseFaces, type Face } from '#domain/face';

/** Runs a write; when a host is taken, the refusal names its owner. */
export async function namingHostOwner<T>(
  reads: DataSource,
  faces: readonly Face[],
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Rejection) || error.code !== 'host-taken') throw error;
    throw (await explained(reads, faces)) ?? error;
  }
}

async function explained(reads: DataSource, faces: readonly Face[]): Promise<Rejection | null> {
  const wanted = normaliseFaces(faces);
  const owners: { host: string; path: string; name: string }[] = await reads.query(
    `select f.host, f.path, w.name from view.face f join view.workload w on w.id = f.workload_id
      where (f.host, f.path) in (select * from unnest($1::text[], $2::text[]))`,
    [wanted.map(({ host }) => host), wanted.map(({ path }) => path)],
  );
  if (owners.length === 0) return null;
  const errors = owners.map(({ host, path, name }) => {
    const index = wanted.findIndex((face) => face.host === host && face.path === path);
    return { pointer: `/faces/${index}`, detail: `${host}${path} is served by workload ${name}` };
  });
  const what = errors.map(({ detail }) => detail).join('; ');
  return new Rejection('host-taken', `${what}. Choose another host or path, or remove it there first.`, errors);
}
