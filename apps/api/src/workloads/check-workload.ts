import { Rejection, type FieldError } from '#domain/errors';
import type { Face } from '#domain/face';
import { checkConfig } from '#plugins/config';
import type { Source } from '#plugins/source';
import type { Secrets } from '#store/secrets';
import type { Workload } from '#store/views/workload.entity';
import type { Plugins } from '../dependencies.js';
import { keepSecrets, sealConfig, type SealedConfig } from '../records/seal-config.js';

/** Throws `unknown-source` naming those that there are. */
export function requireSource({ sources }: Plugins, kind: string): Source {
  const source = sources.find((plugin) => plugin.kind === kind);
  if (source) return source;
  const known = sources.map((plugin) => plugin.kind).join(', ');
  throw new Rejection('unknown-source', `There is no source of kind "${kind}". Choose one of: ${known}.`, [
    { pointer: '/sourceKind', detail: `must be one of ${known}` },
  ]);
}

/** Throws `workload-deleting`. */
export function requirePresent({ lifecycle, name }: Pick<Workload, 'lifecycle' | 'name'>): void {
  if (lifecycle === 'present') return;
  throw new Rejection('workload-deleting', `Workload ${name} is being deleted; create a new one once it is gone.`);
}

/**
 * The config as it is stored, its secrets taken out of it. Throws `invalid-config` naming every bad field. `before` is
 * the config that secrets are kept of.
 */
export function sealSource(
  source: Source,
  input: Readonly<Record<string, unknown>>,
  {
    before,
    secrets,
    faces,
  }: { before: Readonly<Record<string, unknown>> | null; secrets: Secrets; faces: readonly Face[] },
): SealedConfig {
  const { config, errors } = keepSecrets(source.config, input, before);
  if (errors.length > 0)
    throw invalidConfig(errors.map((error) => ({ ...error, pointer: `/sourceConfig${error.pointer}` })));
  checkSource(source, config, faces);
  return sealConfig(source.config, config, { before, secrets });
}

/** Throws `invalid-config` naming every bad field. */
export function checkSource(source: Source, config: Readonly<Record<string, unknown>>, faces: readonly Face[]): void {
  const { value, errors } = checkConfig(source.config, config, '/sourceConfig');
  if (errors.length > 0) throw invalidConfig(errors);
  const across = (source.check?.(value, faces) ?? []).map(({ pointer, detail }) => ({
    pointer: `/sourceConfig${pointer}`,
    detail,
  }));
  if (across.length > 0) throw invalidConfig(across);
}

export function invalidConfig(errors: readonly FieldError[]): Rejection {
  const fields = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
  return new Rejection('invalid-config', `The config is not valid: ${fields}.`, errors);
}
