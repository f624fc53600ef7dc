import { Body, Controller, Delete, Inject, Post } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import type { DataSource } from 'typeorm';
import { workload } from '#domain/workload';
import type { Config } from '#runtime/config';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CLOCK, CONFIG, READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { findWorkload, workloadAnswer } from './find-workload.js';
import { WorkloadAnswer } from './workload.dto.js';

export class HoldInput {
  @ApiPropertyOptional({ type: String, maxLength: 500, default: 'paused' })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(500)
  reason: string = 'paused';
}

@Controller('workloads/:id/hold')
export class HoldController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Post()
  @Needs('deployer', 'workload')
  @Answers(200, WorkloadAnswer, 'Keeps triggers from deploying; what arrives is recorded with the reason')
  async hold(@Who() who: Identity, @Id() id: string, @Body() { reason }: HoldInput): Promise<WorkloadAnswer> {
    await findWorkload(this.reads, who, id);
    await this.store.commit(
      [on(workload, id, { type: 'SetHold', reason, at: this.clock().toISOString() })],
      causeOf(who),
    );
    return workloadAnswer(this.reads, this.config, await findWorkload(this.reads, who, id));
  }

  @Delete()
  @Needs('deployer', 'workload')
  @Answers(200, WorkloadAnswer, 'Lets triggers deploy again')
  async release(@Who() who: Identity, @Id() id: string): Promise<WorkloadAnswer> {
    await findWorkload(this.reads, who, id);
    await this.store.commit([on(workload, id, { type: 'ReleaseHold' })], causeOf(who));
    return workloadAnswer(this.reads, this.config, await findWorkload(this.reads, who, id));
  }
}
