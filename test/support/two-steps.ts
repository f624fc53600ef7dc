import type { StepIo } from '#plugins/source';
import { crateSource, type CrateSource } from './crate.js';

export interface TwoSteps {
  /** What happened, in that order: `<workload> <step>`, `<workload> undo <step>`. */
  readonly told: string[];
  readonly source: CrateSource;
}

/** A source that packs, and then ships: the switch. Each may take its time; packing is undone by unpacking. */
export function twoSteps(does: {
  readonly pack?: (io: StepIo, workload: string) => Promise<void>;
  readonly ship?: (io: StepIo, workload: string) => Promise<void>;
}): TwoSteps {
  const told: string[] = [];
  const plan: CrateSource['plan'] = ({ workloadName: name }) => ({
    steps: [
      {
        name: 'pack',
        run: async (io) => {
          told.push(`${name} pack`);
          await does.pack?.(io, name);
          return { packed: name };
        },
        undo: async () => void told.push(`${name} undo pack`),
      },
      {
        name: 'ship',
        commit: true,
        run: async (io) => {
          await does.ship?.(io, name);
          told.push(`${name} ship`);
          return {};
        },
      },
    ],
    downtime: { class: 'none', reasons: [] },
  });
  return { told, source: { ...crateSource(), plan } };
}

/** Until it is cut off. */
export function forEver({ signal }: StepIo): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
