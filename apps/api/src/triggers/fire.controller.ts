import { Body, Controller, Inject, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import type { InboundEvent } from '#plugins/inbound';
import { withoutPerson } from '#plugins/without-person';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { PLUGINS, READS, type Plugins } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { requireTriggerKind } from './check-trigger.js';
import { findTrigger } from './find-trigger.js';
import { readEvent } from './inbound-event.js';
import { RecordDelivery } from './record-delivery.js';
import { FireAnswer, FireInput } from './trigger.dto.js';

@Controller('triggers/:id/fire')
export class FireController {
  constructor(
    @Inject(READS) private readonly reads: DataSource,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    private readonly record: RecordDelivery,
  ) {}

  @Post()
  @Needs('deployer')
  @Answers(202, FireAnswer, 'Records an event as if it had come in; every enabled binding judges it')
  async fire(@Who() who: Identity, @Id() id: string, @Body() body: FireInput): Promise<FireAnswer> {
    const { kind } = await findTrigger(this.reads, id);
    const event = readEvent(body.event ?? { kind: 'manual' });
    const { accepts } = requireTriggerKind(this.plugins, kind);
    if (!accepts.includes(event.kind)) throw notAccepted(kind, event, accepts);
    const plain = Buffer.from(JSON.stringify(body.event ?? { kind: 'manual' }));
    const about = { triggerId: id, triggerKind: kind, vendor: 'manual', origin: 'manual', replayOf: null } as const;
    return this.record.write(who, { about, events: [withoutPerson(event)], plain });
  }
}

function notAccepted(kind: string, event: InboundEvent, accepts: readonly string[]): Rejection {
  return new Rejection(
    'invalid-event',
    `A ${kind} trigger does not react to ${event.kind}. Send one of: ${accepts.join(', ')}.`,
    [{ pointer: '/event/kind', detail: `must be one of ${accepts.join(', ')}` }],
  );
}
