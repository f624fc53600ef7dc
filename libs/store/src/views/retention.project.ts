import type { RetentionEvent } from '#domain/retention';
import type { Statement } from '../statement.js';
import type { Projected } from './project.js';

/** The rows of streams that are gone: a replay finds none, for their events are gone with them. */
export function projectRetention({ data }: Projected<RetentionEvent>): readonly Statement[] {
  const { deliveryIds, deploymentIds } = data;
  return [
    { text: 'delete from view.verdict where delivery_id = any ($1::uuid[])', values: [deliveryIds] },
    { text: 'delete from view.delivery where id = any ($1::uuid[])', values: [deliveryIds] },
    { text: 'delete from view.step where deployment_id = any ($1::uuid[])', values: [deploymentIds] },
    { text: 'delete from view.deployment where id = any ($1::uuid[])', values: [deploymentIds] },
  ];
}
