import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import type { Store } from '#store/store';
import { Deployment } from '#store/views/deployment.entity';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { DeploymentAnswer } from '../deployments/deployment.dto.js';
import { deploymentAnswer } from '../deployments/read-deployment.js';
import { EventAnswer } from '../events/event.dto.js';
import { historyOf } from '../events/history.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { AnswersPage, PageQuery, pageOf, type Page } from '../http/page.js';
import { ContainerAnswer, containersOf } from './containers.js';
import { findWorkload, visibleWorkloads } from './find-workload.js';
import { workloadDiff } from './workload-at.js';
import { ChainAnswer, ChainLink, DiffQuery } from './workload.dto.js';

class FieldChange {
  @ApiProperty() field: string;
  @ApiProperty({ description: 'Any JSON', nullable: true, type: 'object', additionalProperties: true }) from: unknown;
  @ApiProperty({ description: 'Any JSON', nullable: true, type: 'object', additionalProperties: true }) to: unknown;
}

export class DiffAnswer {
  @ApiProperty({ type: 'integer' }) from: number;
  @ApiProperty({ type: 'integer' }) to: number;
  @ApiProperty({ type: [FieldChange] }) changes: FieldChange[];
}

@Controller('workloads/:id')
export class WorkloadReadsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  @Get('containers')
  @Needs('viewer', 'workload')
  @AnswersPage(ContainerAnswer, 'Containers of the current deployment, one for each instance')
  async containers(@Who() who: Identity, @Id() id: string): Promise<Page<ContainerAnswer>> {
    const workload = await findWorkload(this.reads, who, id);
    return { items: await containersOf(this.reads, workload), nextCursor: null };
  }

  @Get('chain')
  @Needs('viewer', 'workload')
  @Answers(200, ChainAnswer, 'The stage before, this one, and those after')
  async chain(@Who() who: Identity, @Id() id: string): Promise<ChainAnswer> {
    const self = await findWorkload(this.reads, who, id);
    const around = await visibleWorkloads(this.reads, who)
      .andWhere('(workload.id = :parentId or workload.parent_id = :id)', { id, parentId: self.parentId })
      .orderBy('workload.name')
      .getMany();
    const parent = around.find((row) => row.id === self.parentId);
    const children = around.filter((row) => row.parentId === id).map(linkOf);
    return { parent: parent ? linkOf(parent) : null, self: linkOf(self), children };
  }

  @Get('deployments')
  @Needs('viewer', 'workload')
  @AnswersPage(DeploymentAnswer, 'Deployments, newest first')
  async deployments(
    @Who() who: Identity,
    @Id() id: string,
    @Query() query: PageQuery,
  ): Promise<Page<DeploymentAnswer>> {
    await findWorkload(this.reads, who, id);
    const rows = this.reads
      .getRepository(Deployment)
      .createQueryBuilder('deployment')
      .where('deployment.workload_id = :id', { id });
    const page = await pageOf(rows, query);
    return { ...page, items: page.items.map(deploymentAnswer) };
  }

  @Get('history')
  @Needs('viewer', 'workload')
  @AnswersPage(EventAnswer, 'What happened to the workload and what was seen of it, newest first')
  async history(@Who() who: Identity, @Id() id: string, @Query() query: PageQuery): Promise<Page<EventAnswer>> {
    await findWorkload(this.reads, who, id);
    return historyOf(this.reads, [`workload-${id}`, `observation-${id}`], query);
  }

  @Get('diff')
  @Needs('viewer', 'workload')
  @Answers(200, DiffAnswer, 'Fields that differ between two versions')
  diff(@Who() who: Identity, @Id() id: string, @Query() query: DiffQuery): Promise<DiffAnswer> {
    return workloadDiff(this.store, who, id, query);
  }
}

function linkOf(row: ChainLink): ChainLink {
  const { id, name, title, stage, sourceKind, state, hold } = row;
  const { currentDeploymentId, pendingDeploymentId, currentArtifact } = row;
  return { id, name, title, stage, sourceKind, state, hold, currentDeploymentId, pendingDeploymentId, currentArtifact };
}
