import { Controller, Get, Inject } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import {
  CrashView,
  FindingView,
  HealedView,
  Observation,
  ObservedContainerView,
} from '#store/views/observation.entity';
import { Deployment } from '#store/views/deployment.entity';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { findWorkload } from './find-workload.js';

const STATES = ['in-sync', 'drifted', 'unobserved'] as const;
const POLICIES = ['heal', 'alert', 'ignore'] as const;

class HealingView {
  @ApiProperty({ format: 'uuid' }) deploymentId: string;
  @ApiProperty({ example: 'running' }) status: string;
  @ApiProperty({ type: String, format: 'date-time' }) requestedAt: Date;
}

export class DriftAnswer {
  @ApiProperty({ enum: STATES }) state: (typeof STATES)[number];
  @ApiProperty({ enum: POLICIES }) policy: (typeof POLICIES)[number];
  @ApiProperty({ type: String, nullable: true, description: 'In words, as the reconciler saw it' }) detail:
    string | null;
  @ApiProperty({ type: [FindingView] }) findings: FindingView[];
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) since: Date | null;
  @ApiProperty({ type: HealingView, nullable: true, description: 'The last deployment that was asked for to heal' })
  healing: HealingView | null;
  @ApiProperty({ type: HealedView, nullable: true }) lastHealed: HealedView | null;
  @ApiProperty({ type: [ObservedContainerView] }) containers: ObservedContainerView[];
  @ApiProperty({ type: [CrashView], description: 'The last restarts' }) crashes: CrashView[];
  @ApiProperty({ description: 'The current deployment failed its watch window' }) hasFailedWatch: boolean;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it last changed' })
  observedAt: Date | null;
}

@Controller('workloads/:id/drift')
export class DriftController {
  constructor(@Inject(READS) private readonly reads: DataSource) {}

  @Get()
  @Needs('viewer', 'workload')
  @Answers(200, DriftAnswer, 'What runs, compared with the current release')
  async drift(@Who() who: Identity, @Id() id: string): Promise<DriftAnswer> {
    const { policy, currentDeploymentId } = await findWorkload(this.reads, who, id);
    const seen = await this.reads.getRepository(Observation).findOneBy({ workloadId: id });
    const findings = seen?.findings ?? [];
    const state = findings.length > 0 ? 'drifted' : seen?.state == null ? 'unobserved' : 'in-sync';
    return {
      state,
      policy: policy.drift,
      detail: seen?.detail || null,
      findings,
      since: seen?.driftSince ?? null,
      healing: await this.lastHealing(id),
      lastHealed: seen?.healed ?? null,
      containers: seen?.containers ?? [],
      crashes: seen?.crashes ?? [],
      hasFailedWatch: currentDeploymentId !== null && seen?.watchFailed === currentDeploymentId,
      observedAt: seen?.updatedAt ?? null,
    };
  }

  private async lastHealing(workloadId: string): Promise<HealingView | null> {
    const last = await this.reads
      .getRepository(Deployment)
      .createQueryBuilder('deployment')
      .where('deployment.workload_id = :workloadId', { workloadId })
      .andWhere("deployment.reason = 'drift'")
      .orderBy('deployment.id', 'DESC')
      .limit(1)
      .getOne();
    return last && { deploymentId: last.id, status: last.status, requestedAt: last.requestedAt };
  }
}
