import { Body, Controller, Inject, Post } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import type { DataSource } from 'typeorm';
import { deployment } from '#domain/deployment';
import { on } from '#store/operation';
import { settleDelivery } from '#store/settle-delivery';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { DeploymentDetail } from './deployment.dto.js';
import { findDeployment, readDeployment } from './read-deployment.js';

export class CancelInput {
  @ApiPropertyOptional({ type: String, minLength: 1, maxLength: 500, description: 'For the history' })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(500)
  reason?: string;
}

@Controller('deployments/:id/cancel')
export class CancelController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  /** 409 `already-switched`, `already-ended`. */
  @Post()
  @Needs('deployer', 'workload')
  @Answers(
    202,
    DeploymentDetail,
    'Ends it: at once while it waits; undone, within 30 s, until its switch; refused after that',
  )
  async cancel(@Who() who: Identity, @Id() id: string, @Body() { reason }: CancelInput): Promise<DeploymentDetail> {
    const { correlationId, deliveryId } = await findDeployment(this.reads, who, id);
    const message = reason ?? 'It was cancelled by request.';
    const cause = { ...causeOf(who), correlationId };
    await this.store.commit([on(deployment, id, { type: 'RequestCancel', message })], cause);
    if (deliveryId !== null) await settleDelivery(this.store, deliveryId, { ...cause, correlationId: deliveryId });
    return readDeployment({ store: this.store, reads: this.reads }, who, id);
  }
}
