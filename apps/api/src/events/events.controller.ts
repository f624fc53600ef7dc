import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiProduces } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import { verifyChain } from '#store/chain';
import type { Sequencer } from '#store/sequencer';
import type { Store } from '#store/store';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { Recheck } from '../access/recheck.js';
import { READS, SEQUENCER, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { sendStream } from '../http/follow.js';
import { AnswersPage, type Page } from '../http/page.js';
import { AuditAnswer, EventAnswer, EventsQuery, StreamQuery } from './event.dto.js';
import { followEvents } from './follow-events.js';
import { listEvents } from './history.js';

@Controller()
export class EventsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SEQUENCER) private readonly sequencer: Pick<Sequencer, 'onAdvance'>,
    private readonly recheck: Recheck,
  ) {}

  @Get('events')
  @Needs('viewer', 'workload')
  @AnswersPage(EventAnswer, 'The log, oldest first')
  list(@Who() who: Identity, @Query() query: EventsQuery): Promise<Page<EventAnswer>> {
    return listEvents(this.reads, query, who.workloadIds);
  }

  @Get('events/stream')
  @Needs('viewer', 'workload')
  @ApiProduces('text/event-stream', 'application/x-ndjson')
  @Answers(200, null, 'The log, live; resumes with Last-Event-ID')
  stream(
    @Who() who: Identity,
    @Query() query: StreamQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): void {
    const resumed = String(request.headers['last-event-id'] ?? '');
    const after = /^\d{1,18}$/.test(resumed) ? resumed : (query.after ?? null);
    const following = { after, scope: who.workloadIds, isAllowed: this.recheck.of(request) };
    sendStream(followEvents({ reads: this.reads, sequencer: this.sequencer }, following), { request, reply });
  }

  @Get('audit/verify')
  @Needs('admin')
  @Answers(200, AuditAnswer, 'Checks every event against the hash chain')
  verify(): Promise<AuditAnswer> {
    return verifyChain(this.store.pool);
  }
}
