import { Controller, Get, Query } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsOptional } from 'class-validator';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { PlanAnswer, PlanWorkload } from './plan-workload.js';
import { WishInput, wishOf } from './wish.js';

export class PlanQuery extends WishInput {
  @ApiPropertyOptional({ type: Boolean })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  force?: boolean;
}

@Controller('workloads/:id')
export class PlanController {
  constructor(private readonly plans: PlanWorkload) {}

  @Get('plan')
  @Needs('viewer', 'workload')
  @Answers(200, PlanAnswer, 'What a deploy would do; changes nothing')
  plan(@Who() who: Identity, @Id() id: string, @Query() query: PlanQuery): Promise<PlanAnswer> {
    return this.plans.plan(who, id, wishOf(query));
  }
}
