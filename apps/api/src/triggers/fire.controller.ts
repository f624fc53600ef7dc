import { Body, Controller, Inject, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { delivery, type DeliveryReceived } from '#domain/delivery';
import { Rejection } from '#domain/errors';
import type { InboundEvent } from '#plugins/inbound';
import { withoutPerson } from '#plugins/without-person';
import { onNew } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CLOCK, PLUGINS, READS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { readSettings } from '../records/read-settings.js';
import { requireTriggerKind } from './check-trigger.js';
import { findTrigger } from './find-trigger.js';
import { readEvent } from './inbound-event.js';
import { FireAnswer, FireInput } from './trigger.dto.js';

const DAY_MS = 86_400_000;

@Controller('triggers/:id/fire')
export class FireController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Post()
  @Needs('deployer')
  @Answers(202, FireAnswer, 'Records an event as if it had come in; every enabled binding judges it')
  async fire(@Who() who: Identity, @Id() id: string, @Body() body: FireInput): Promise<FireAnswer> {
    const { kind } = await findTrigger(this.reads, id);
    const event = readEvent(body.event ?? { kind: 'manual' });
    const { accepts } = requireTriggerKind(this.plugins, kind);
    if (!accepts.includes(event.kind)) throw notAccepted(kind, event, accepts);
    const deliveryId = uuid();
    const status = (await this.#hasBinding(id)) ? 'accepted' : 'no-binding';
    const received: DeliveryReceived = {
      id: deliveryId,
      triggerId: id,
      triggerKind: kind,
      origin: 'manual',
      vendor: 'manual',
      events: [withoutPerson(event)],
      status,
      reason: status === 'accepted' ? null : 'No enabled binding: nothing listens to this trigger.',
      replayOf: null,
    };
    const operation = onNew(delivery, deliveryId, { type: 'RecordDelivery', received });
    await this.store.commit([operation], { ...causeOf(who), extra: [await this.#sealBody(deliveryId, body)] });
    return { deliveryId, status };
  }

  async #hasBinding(triggerId: string): Promise<boolean> {
    const rows: unknown[] = await this.reads.query(
      'select 1 from view.binding where trigger_id = $1 and enabled limit 1',
      [triggerId],
    );
    return rows.length > 0;
  }

  /** In the shape that the ingress keeps: a replay reads both alike. */
  async #sealBody(deliveryId: string, body: FireInput) {
    const { settings } = await readSettings(this.reads);
    const expiresAt = new Date(this.clock().getTime() + settings.bodyDays * DAY_MS).toISOString();
    return this.secrets.sealBody({
      deliveryId,
      plain: Buffer.from(JSON.stringify(body.event ?? { kind: 'manual' })),
      expiresAt,
    });
  }
}

function notAccepted(kind: string, event: InboundEvent, accepts: readonly string[]): Rejection {
  return new Rejection(
    'invalid-event',
    `A ${kind} trigger does not react to ${event.kind}. Send one of: ${accepts.join(', ')}.`,
    [{ pointer: '/event/kind', detail: `must be one of ${accepts.join(', ')}` }],
  );
}
