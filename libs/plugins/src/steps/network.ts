import { NETWORK } from '#domain/naming';
import type { StepIo } from '../source.js';

/** Where a workload's containers stand, and the name that others on a private network reach them by. */
export interface Attachment {
  readonly network: string;
  readonly alias?: string;
}

export interface NetworkWish {
  /** A private network; null = the bridge on which nobody reaches anybody. */
  readonly network: string | null;
  readonly workloadName: string;
}

/** The network is there afterwards. */
export async function attach(io: StepIo, { network, workloadName }: NetworkWish): Promise<Attachment> {
  if (network !== null) return { network: await io.networks.join(network), alias: workloadName };
  await io.docker.ensureNetwork({ name: NETWORK, labels: {}, interContainer: false }, io.signal);
  return { network: NETWORK };
}
