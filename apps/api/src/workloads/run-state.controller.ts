import { Body, Controller, Inject, Post } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import type { Config } from '#runtime/config';
import { requestRestart, requestStart, requestStop } from '#store/run-state';
import type { Store } from '#store/store';
import type { Workload } from '#store/views/workload.entity';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CONFIG, PLUGINS, READS, STORE, type Plugins } from '../dependencies.js';
import { DeploymentDetail } from '../deployments/deployment.dto.js';
import { readDeployment } from '../deployments/read-deployment.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { requirePresent, requireSource } from './check-workload.js';
import { findWorkload, workloadAnswer } from './find-workload.js';
import { WorkloadAnswer } from './workload.dto.js';

export class RunStateInput {
  @ApiPropertyOptional({ type: String, minLength: 1, maxLength: 500, description: 'For the history' })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(500)
  reason?: string;
}

@Controller('workloads/:id')
export class RunStateController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post('stop')
  @Needs('deployer', 'workload')
  @Answers(
    202,
    WorkloadAnswer,
    'Takes it out of service, then stops its containers and keeps them; triggers are skipped',
  )
  async stop(@Who() who: Identity, @Id() id: string, @Body() body: RunStateInput): Promise<WorkloadAnswer> {
    this.#requireStoppable(await findWorkload(this.reads, who, id));
    await requestStop(this.store, { workloadId: id, reason: body.reason ?? null }, causeOf(who));
    return workloadAnswer(this.reads, this.config, await findWorkload(this.reads, who, id));
  }

  @Post('start')
  @Needs('deployer', 'workload')
  @Answers(202, WorkloadAnswer, 'Starts what was stopped, and routes to it once it is healthy; else it stays stopped')
  async start(@Who() who: Identity, @Id() id: string, @Body() body: RunStateInput): Promise<WorkloadAnswer> {
    this.#requireStoppable(await findWorkload(this.reads, who, id));
    await requestStart(this.store, { workloadId: id, reason: body.reason ?? null }, causeOf(who));
    return workloadAnswer(this.reads, this.config, await findWorkload(this.reads, who, id));
  }

  @Post('restart')
  @Needs('deployer', 'workload')
  @Answers(202, DeploymentDetail, 'Deploys what serves once more, without downtime; a stopped one is started by it')
  async restart(@Who() who: Identity, @Id() id: string, @Body() body: RunStateInput): Promise<DeploymentDetail> {
    requirePresent(await findWorkload(this.reads, who, id));
    const wanted = { workloadId: id, note: body.reason ?? 'restart' };
    const deploymentId = await requestRestart(this.store, wanted, causeOf(who));
    return readDeployment({ store: this.store, reads: this.reads }, who, deploymentId);
  }

  #requireStoppable(row: Workload): void {
    requirePresent(row);
    const source = requireSource(this.plugins, row.sourceKind);
    if (source.stop && source.start) return;
    throw new Rejection('cannot-stop', `A workload of kind ${source.kind} can neither be stopped nor started.`);
  }
}
