import { Body, Controller, Delete, Get, Inject, Post, Put, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { deployment } from '#domain/deployment';
import { on } from '#store/operation';
import { findRelease, listReleases, type RetainedRelease } from '#store/releases';
import { requestRollback } from '#store/request-rollback';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CLOCK, READS, STORE } from '../dependencies.js';
import { DeploymentDetail } from '../deployments/deployment.dto.js';
import { readDeployment } from '../deployments/read-deployment.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { AnswersPage, cut, PageQuery, readCursor, UUID, type Page } from '../http/page.js';
import { findWorkload } from './find-workload.js';
import { ReleaseAnswer, RollbackInput } from './release.dto.js';

@Controller('workloads/:id')
export class ReleasesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Get('releases')
  @Needs('viewer', 'workload')
  @AnswersPage(ReleaseAnswer, 'What is kept and can be brought back, newest first')
  async releases(@Who() who: Identity, @Id() id: string, @Query() query: PageQuery): Promise<Page<ReleaseAnswer>> {
    await findWorkload(this.reads, who, id);
    const before = readCursor(query.cursor, UUID);
    const rows = await listReleases(this.store.pool, id, { before, limit: query.limit + 1 });
    return cut(rows.map(releaseAnswer), query.limit, ({ deploymentId }) => deploymentId);
  }

  @Put('releases/:deploymentId/pin')
  @Needs('deployer', 'workload')
  @Answers(200, ReleaseAnswer, 'Keeps a release whatever comes after it')
  async pin(@Who() who: Identity, @Id() id: string, @Id('deploymentId') deploymentId: string): Promise<ReleaseAnswer> {
    await findWorkload(this.reads, who, id);
    const release = await findRelease(this.store.pool, id, deploymentId);
    await this.store.commit([on(deployment, release.deploymentId, { type: 'PinRelease' })], causeOf(who));
    return releaseAnswer(await findRelease(this.store.pool, id, deploymentId));
  }

  @Delete('releases/:deploymentId/pin')
  @Needs('deployer', 'workload')
  @Answers(200, ReleaseAnswer, 'Lets a release go once enough newer ones are kept')
  async unpin(
    @Who() who: Identity,
    @Id() id: string,
    @Id('deploymentId') deploymentId: string,
  ): Promise<ReleaseAnswer> {
    await findWorkload(this.reads, who, id);
    const { pinnedIds } = await findRelease(this.store.pool, id, deploymentId);
    await this.store.commit(
      pinnedIds.map((pinned) => on(deployment, pinned, { type: 'UnpinRelease' })),
      causeOf(who),
    );
    return releaseAnswer(await findRelease(this.store.pool, id, deploymentId));
  }

  @Post('rollback')
  @Needs('deployer', 'workload')
  @Answers(202, DeploymentDetail, 'Brings an earlier release back, whole, and holds automatic triggers')
  async rollback(@Who() who: Identity, @Id() id: string, @Body() body: RollbackInput): Promise<DeploymentDetail> {
    await findWorkload(this.reads, who, id);
    const { deploymentId, reason: note = null } = body;
    const wanted = { id: uuid(), workloadId: id, deploymentId, note, at: this.clock().toISOString() };
    await requestRollback(this.store, wanted, causeOf(who));
    return readDeployment({ store: this.store, reads: this.reads }, who, wanted.id);
  }
}

function releaseAnswer({ release, isPinned, isCurrent, ...row }: RetainedRelease): ReleaseAnswer {
  const { deploymentId, status, succeededAt, rolledBackBy } = row;
  const { artifact, envVersion = 0 } = release;
  return {
    deploymentId,
    artifact,
    envVersion,
    status,
    pinned: isPinned,
    current: isCurrent,
    succeededAt,
    rolledBackBy,
  };
}
