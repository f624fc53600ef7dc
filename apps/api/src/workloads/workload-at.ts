import type { Face } from '#domain/face';
import type { ReleaseRecord } from '#domain/release';
import type { SecretRef } from '#domain/secret-ref';
import { workload, type WorkloadState } from '#domain/workload';
import type { Store } from '#store/store';
import { notFound, requireVisible, type Identity } from '../access/identity.js';
import { MASKED, maskRefs } from '../records/masked.js';
import { maskEnv } from './env.js';
import { maskFace } from './mask-face.js';

export interface PastWorkload extends Record<string, unknown> {
  readonly version: number;
}

/** A workload folded up to a version or an instant: what its own stream says. Throws `not-found` before its time. */
export async function workloadAt(
  store: Store,
  who: Identity,
  id: string,
  past: { readonly version?: number; readonly at?: string },
): Promise<PastWorkload> {
  requireVisible(who, id);
  const { state, version } = await store.load(workload, id, { toVersion: past.version, at: past.at });
  if (version === 0) throw notFound('workload');
  const served = await servedAt(store, id, past.at ?? version);
  return { ...shown(state), env: maskEnv(state.env), ...served, version };
}

/** The differing top-level fields between two versions; 0 = before it was made. */
export async function workloadDiff(
  store: Store,
  who: Identity,
  id: string,
  { from, to }: { from: number; to: number },
) {
  requireVisible(who, id);
  const [before, after] = await Promise.all([from, to].map((toVersion) => store.load(workload, id, { toVersion })));
  if (after!.version === 0) throw notFound('workload');
  const served = await Promise.all([before!, after!].map(({ version }) => servedAt(store, id, version)));
  const left: Fields = { ...shown(before!.state), ...served[0] };
  const right: Fields = { ...shown(after!.state), ...served[1] };
  const differing = Object.keys(right).filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]));
  const changes = differing.map((field) => ({ field, from: from === 0 ? null : left[field], to: right[field] }));
  return { from: before!.version, to: after!.version, changes };
}

type Fields = Readonly<Record<string, unknown>>;

/** A secret shows its version: that it was changed is no secret. */
function shown({ env, faces, ...state }: WorkloadState): Record<string, unknown> {
  const masked = Object.entries(maskEnv(env)).map(([key, entry]) => {
    const { secret } = env[key] as { secret?: SecretRef };
    return [key, secret === undefined ? entry : { ...entry, version: secret.version }];
  });
  return {
    ...maskRefs(state, ({ version }) => ({ ...MASKED, version })),
    faces: faces.map(withVersions),
    env: Object.fromEntries(masked),
  };
}

function withVersions(face: Face): object {
  const { basicAuth, certificate, ...rest } = maskFace(face);
  const versioned = (ref: SecretRef | undefined) => ref && { ...MASKED, version: ref.version };
  return {
    ...rest,
    basicAuth: basicAuth && { ...basicAuth, password: versioned(face.basicAuth?.password) },
    certificate: certificate && { ...certificate, key: versioned(face.certificate?.key) },
  };
}

interface Served {
  readonly currentDeploymentId: string | null;
  readonly currentArtifact: ReleaseRecord['artifact'] | null;
}

/** What served at an instant, or when a version was written: deployments are streams of their own. */
async function servedAt({ pool }: Store, id: string, when: string | number): Promise<Served> {
  const { rows } = await pool.query<Served>({
    name: 'served-at',
    text: `select id as "currentDeploymentId", release->'artifact' as "currentArtifact" from view.deployment
      where workload_id = $1 and status in ('succeeded', 'rolled_back') and ended_at <= coalesce($2::timestamptz,
        (select occurred_at from log.event where stream = 'workload-' || $1::text and version = $3))
      order by ended_at desc, id desc limit 1`,
    values: [id, typeof when === 'string' ? when : null, typeof when === 'number' ? when : null],
  });
  return rows[0] ?? { currentDeploymentId: null, currentArtifact: null };
}
