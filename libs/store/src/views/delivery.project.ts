import type { BindingVerdict, DeliveryEvent } from '#domain/delivery';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';
import { insertTogether, update } from './row.js';

export function projectDelivery(event: Projected<DeliveryEvent>): readonly Statement[] {
  const { id, version, at } = event;
  const change = (row: Record<string, unknown>) => update('view.delivery', { id }, { ...row, version });
  switch (event.type) {
    case 'DeliveryRecorded': {
      const { triggerId, triggerKind, origin, vendor, events, status, reason, replayOf } = event.data;
      const row = {
        id,
        trigger_id: triggerId,
        trigger_kind: triggerKind,
        origin,
        vendor,
        events,
        status,
      };
      const more = { reason, replay_of: replayOf, correlation_id: event.correlationId };
      return [insertTogether('view.delivery', { ...row, ...more, version, received_at: at })];
    }
    case 'DeliveryMatched': {
      const { verdicts, remaining } = event.data;
      return [
        change({ status: 'dispatching', is_dispatched: remaining === 0, retry_at: null }),
        insertVerdicts(id, version, verdicts),
      ];
    }
    case 'DeliveryDeferred':
      return [change({ status: 'dispatching', retry_at: event.data.retryAt, attempt: event.data.attempt })];
    case 'DeliverySettled':
      return [change({ status: 'settled', settled_at: at })];
  }
}

/** One statement for the whole chunk; the order of chunks is the stream's, the order within one the array's. */
function insertVerdicts(deliveryId: string, version: number, verdicts: readonly BindingVerdict[]): Statement {
  return {
    text: `insert into view.verdict (delivery_id, binding_id, workload_id, ordinal, verdict, code, reason, inputs, deployment_id)
      select $1, v."bindingId", v."workloadId", $2::int * 1000 + row_number() over (), v.verdict, v.code, v.reason, v.inputs, v."deploymentId"
      from jsonb_to_recordset($3::jsonb) as v("bindingId" uuid, "workloadId" uuid, verdict text, code text, reason text, inputs jsonb, "deploymentId" uuid)`,
    values: [deliveryId, version, JSON.stringify(verdicts)],
  };
}
