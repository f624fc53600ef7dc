import { LABELS } from '#domain/naming';
import type { StepIo } from '../source.js';
import type { Owned } from './owned-containers.js';

/** What every container of ours carries. */
export function labelsOf({ workloadId, kind, deploymentId }: Owned, io: StepIo): Readonly<Record<string, string>> {
  return {
    [LABELS.workloadId]: workloadId,
    [LABELS.kind]: kind,
    [LABELS.deploymentId]: deploymentId,
    [LABELS.epoch]: String(io.epoch),
    [LABELS.installation]: io.installation,
  };
}
