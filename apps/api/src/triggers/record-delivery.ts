import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { delivery, type DeliveryReceived, type RecordedInbound } from '#domain/delivery';
import { onNew } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { causeOf, type Identity } from '../access/identity.js';
import { CLOCK, READS, SECRETS, STORE } from '../dependencies.js';
import { readSettings } from '../records/read-settings.js';
import type { FireAnswer } from './trigger.dto.js';

const DAY_MS = 86_400_000;

export interface OwnDelivery {
  readonly about: Pick<DeliveryReceived, 'triggerId' | 'triggerKind' | 'vendor' | 'origin' | 'replayOf'>;
  readonly events: readonly RecordedInbound[];
  /** In the shape that the ingress keeps: a replay reads both alike. */
  readonly plain: Buffer;
}

/** A delivery that somebody asks for, as if it had come in. */
@Injectable()
export class RecordDelivery {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  async write(who: Identity, { about, events, plain }: OwnDelivery): Promise<FireAnswer> {
    const id = uuid();
    const isBound = await this.#hasBinding(about.triggerId);
    const status = isBound ? 'accepted' : 'no-binding';
    const reason = isBound ? null : 'No enabled binding: nothing listens to this trigger.';
    const operation = onNew(delivery, id, {
      type: 'RecordDelivery',
      received: { id, ...about, events, status, reason },
    });
    await this.store.commit([operation], { ...causeOf(who), extra: [await this.#sealBody(id, plain)] });
    return { deliveryId: id, status };
  }

  async #hasBinding(triggerId: string): Promise<boolean> {
    const rows: unknown[] = await this.reads.query(
      'select 1 from view.binding where trigger_id = $1 and enabled limit 1',
      [triggerId],
    );
    return rows.length > 0;
  }

  async #sealBody(deliveryId: string, plain: Buffer) {
    const { settings } = await readSettings(this.reads);
    const expiresAt = new Date(this.clock().getTime() + settings.bodyDays * DAY_MS).toISOString();
    return this.secrets.sealBody({ deliveryId, plain, expiresAt });
  }
}
