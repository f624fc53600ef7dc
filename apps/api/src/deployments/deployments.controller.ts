import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiProduces } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import type { Store } from '#store/store';
import { Deployment } from '#store/views/deployment.entity';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { Recheck } from '../access/recheck.js';
import { READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { sendStream } from '../http/follow.js';
import { Id } from '../http/id.js';
import { AnswersPage, pageOf, type Page } from '../http/page.js';
import { DeploymentAnswer, DeploymentDetail, DeploymentsQuery, LogQuery } from './deployment.dto.js';
import { followLog } from './follow-log.js';
import { deploymentAnswer, findDeployment, readDeployment } from './read-deployment.js';

@Controller('deployments')
export class DeploymentsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    private readonly recheck: Recheck,
  ) {}

  @Get()
  @Needs('viewer', 'workload')
  @AnswersPage(DeploymentAnswer, 'Deployments, newest first')
  async list(@Who() who: Identity, @Query() query: DeploymentsQuery): Promise<Page<DeploymentAnswer>> {
    const rows = this.reads.getRepository(Deployment).createQueryBuilder('deployment').where('true');
    if (who.workloadIds !== null) rows.andWhere('deployment.workload_id = any(:scope)', { scope: who.workloadIds });
    if (query.workloadId !== undefined)
      rows.andWhere('deployment.workload_id = :workloadId', { workloadId: query.workloadId });
    if (query.status !== undefined) rows.andWhere('deployment.status = :status', { status: query.status });
    const page = await pageOf(rows, query);
    return { ...page, items: page.items.map(deploymentAnswer) };
  }

  @Get(':id')
  @Needs('viewer', 'workload')
  @Answers(200, DeploymentDetail, 'A deployment with its steps; a failed one with the last lines of its log')
  read(@Who() who: Identity, @Id() id: string): Promise<DeploymentDetail> {
    return readDeployment({ store: this.store, reads: this.reads }, who, id);
  }

  @Get(':id/log')
  @Needs('viewer', 'workload')
  @ApiProduces('text/event-stream', 'application/x-ndjson')
  @Answers(200, null, 'Every line of the deployment, live until it has ended')
  async log(
    @Who() who: Identity,
    @Id() id: string,
    @Query() { after, follow }: LogQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await findDeployment(this.reads, who, id);
    const resumed = Number(request.headers['last-event-id'] ?? after);
    const from = Number.isSafeInteger(resumed) && resumed >= 0 ? resumed : after;
    const isAllowed = this.recheck.of(request);
    sendStream(followLog(this.store, id, { after: from, follow, isAllowed }), { request, reply });
  }
}
