import { Rejection } from '#domain/errors';

/** Named constraint of the `view` schema → the rule that it stands for. */
const RULES: Readonly<Record<string, readonly [code: string, message: string]>> = {
  workload_name: ['name-taken', 'Another workload has this name. Choose another one.'],
  workload_claim: ['claim-taken', 'Another workload of this node has this name already. Choose another one.'],
  face_host_path: [
    'host-taken',
    'Another workload serves this host and path. Choose another, or remove it there first.',
  ],
  claim_face: [
    'host-taken',
    'Another workload serves this host and path. Deploy that one without it, or remove it, and deploy again.',
  ],
  face_domain: ['domain-changed', 'The domain of the settings was changed at the same time. Ask again.'],
  trigger_name_kind: ['name-taken', 'Another trigger of this kind has this name. Choose another one.'],
  binding_workload_trigger: [
    'already-bound',
    'This trigger is already bound to this workload. Change that binding instead.',
  ],
  deployment_one_running: [
    'already-running',
    'A deployment of this workload is running. Wait for it, or cancel it first.',
  ],
  deployment_one_waiting: ['already-waiting', 'A deployment of this workload is waiting. It has to give way first.'],
  deployment_delivery_binding: ['already-requested', 'This delivery has already asked for this deployment.'],
  heal_attempt: ['already-healing', 'Another reconciler has asked for this already.'],
  registry_name: ['name-taken', 'Another registry has this name. Choose another one.'],
  workload_parent_known: ['unknown-parent', 'There is no workload with the id of the parent. It may be gone by now.'],
  workload_parent_cycle: [
    'parent-cycle',
    'The workload would be its own parent: the stages above lead back to it. Choose another parent.',
  ],
  workload_childless: [
    'workload-has-children',
    'The workload became the parent of another one. Delete or detach that first.',
  ],
  token_name: ['name-taken', 'Another token has this name. Choose another one, or revoke that one first.'],
};

/** The rule's Rejection, or null for a constraint that is nobody's rule. */
export function rejectionFor(constraint: string | undefined): Rejection | null {
  const rule = constraint === undefined ? undefined : RULES[constraint];
  return rule ? new Rejection(rule[0], rule[1]) : null;
}
