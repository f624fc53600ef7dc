import { Body, Controller, Inject, Post } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { releaseOf } from '#domain/release';
import { requestDeployment } from '#store/request-deployment';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { DeploymentDetail } from '../deployments/deployment.dto.js';
import { readDeployment } from '../deployments/read-deployment.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { requirePresent } from './check-workload.js';
import { findWorkload } from './find-workload.js';
import { ResolveArtifact } from './resolve-artifact.js';
import { WishInput, wishOf } from './wish.js';

export class DeployInput extends WishInput {
  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Also when nothing changed' })
  @IsOptional()
  @IsBoolean()
  force?: boolean;

  @ApiPropertyOptional({ type: String, maxLength: 500, description: 'For the history' })
  @IsOptional()
  @IsString()
  @MaxLength(500)
  reason?: string;
}

@Controller('workloads/:id')
export class DeployController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    private readonly artifacts: ResolveArtifact,
  ) {}

  @Post('deploy')
  @Needs('deployer', 'workload')
  @Answers(202, DeploymentDetail, 'Resolves what to deploy and asks for it; a waiting deployment gives way')
  async deploy(@Who() who: Identity, @Id() id: string, @Body() body: DeployInput): Promise<DeploymentDetail> {
    const row = await findWorkload(this.reads, who, id);
    requirePresent(row);
    const { artifact } = await this.artifacts.resolve(row, wishOf(body));
    const { name: workloadName, sourceKind, node } = row;
    const origin = { reason: 'manual' as const, note: body.reason ?? null, bindingId: null, deliveryId: null };
    const request = {
      id: uuid(),
      workloadId: id,
      workloadName,
      sourceKind,
      node,
      ...origin,
      release: releaseOf(row, artifact),
      ...(body.force && { force: true as const }),
    };
    await requestDeployment(this.store, request, causeOf(who));
    return readDeployment({ store: this.store, reads: this.reads }, who, request.id);
  }
}
