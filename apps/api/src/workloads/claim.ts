import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { isSame } from '#domain/same';
import { checkConfig } from '#plugins/config';
import type { Source } from '#plugins/source';
import type { Identity } from '../access/identity.js';

/** The name that no other workload of its node may have, for the event; nothing where the source has none. */
export function claimOf(
  source: Source,
  config: Readonly<Record<string, unknown>>,
  workload: { readonly id: string; readonly name: string },
): { readonly claim?: string } {
  if (source.claim === undefined) return {};
  return { claim: source.claim(checkConfig(source.config, config).value, workload) };
}

/** Runs a write; when the name is taken, the refusal says by whom. */
export async function namingClaimOwner<T>(
  reads: DataSource,
  { node, claim }: { readonly node: string; readonly claim?: string },
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof Rejection) || error.code !== 'claim-taken' || claim === undefined) throw error;
    const owners: { name: string }[] = await reads.query(
      `select name from view.workload where node = $1 and claim = $2 and lifecycle <> 'gone'`,
      [node, claim],
    );
    const owner = owners[0]?.name;
    if (owner === undefined) throw error;
    const text = `The ${claim} is that of workload ${owner}. Choose another name for it, or delete that workload first.`;
    throw new Rejection('claim-taken', text, [{ pointer: '/sourceConfig', detail: `${claim} is taken by ${owner}` }]);
  }
}

/** Throws `role-too-low` where somebody else than an admin changes a field that is for admins. */
export function requireAdminFields(
  source: Source,
  config: Readonly<Record<string, unknown>>,
  { before, who }: { readonly before: Readonly<Record<string, unknown>> | null; readonly who: Identity },
): void {
  if (who.role === 'admin') return;
  const defaults = { ...new source.config() } as Readonly<Record<string, unknown>>;
  const differing = (source.adminFields ?? []).filter((field) => {
    return !isSame(config[field] ?? defaults[field], before?.[field] ?? defaults[field]);
  });
  if (differing.length === 0) return;
  const errors = differing.map((field) => ({ pointer: `/sourceConfig/${field}`, detail: 'is for admins to change' }));
  throw new Rejection('role-too-low', `${differing.join(', ')} needs the role admin; yours is ${who.role}.`, errors);
}
