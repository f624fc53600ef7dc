import { Controller, Inject, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import type { Secrets } from '#store/secrets';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, SECRETS } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { RecordDelivery } from '../triggers/record-delivery.js';
import { FireAnswer } from '../triggers/trigger.dto.js';
import { readDelivery } from './read-deliveries.js';

@Controller('deliveries/:id/replay')
export class ReplayController {
  constructor(
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    private readonly record: RecordDelivery,
  ) {}

  @Post()
  @Needs('deployer')
  @Answers(202, FireAnswer, 'The same events once more, for the bindings as they are now; a delivery of its own')
  async replay(@Who() who: Identity, @Id() id: string): Promise<FireAnswer> {
    const { events, triggerId, triggerKind, vendor } = await readDelivery(this.reads, who, id);
    if (events.length === 0) throw nothingInIt();
    const triggers: unknown[] = await this.reads.query('select 1 from view.trigger where id = $1', [triggerId]);
    if (triggers.length === 0) throw triggerGone();
    const plain = (await this.secrets.openBody(id)) ?? Buffer.from(JSON.stringify(events));
    const about = { triggerId, triggerKind, vendor, origin: 'replay', replayOf: id } as const;
    return this.record.write(who, { about, events, plain });
  }
}

function nothingInIt(): Rejection {
  const text = 'The delivery brought no event (a ping, or something that is ignored). Choose one that did.';
  return new Rejection('nothing-to-replay', text);
}

function triggerGone(): Rejection {
  return new Rejection('trigger-gone', 'The trigger of this delivery was deleted: nobody would judge it.');
}
