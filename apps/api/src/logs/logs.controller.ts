import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import { ApiProduces, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsISO8601, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import type { Store } from '#store/store';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { Recheck } from '../access/recheck.js';
import { READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { sendStream } from '../http/follow.js';
import { Id } from '../http/id.js';
import { findWorkload } from '../workloads/find-workload.js';
import { followContainerLog } from './follow-container-log.js';
import { lineFilter } from './line-filter.js';

export class ContainerLogQuery {
  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Goes on with what comes' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  follow: boolean = false;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 100_000,
    default: 200,
    description: 'Lines to begin with',
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(100_000)
  tail: number = 200;

  @ApiPropertyOptional({ type: String, format: 'date-time' })
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  since?: string;

  @ApiPropertyOptional({ type: String, maxLength: 200, description: 'A part of the line, or `/…/`: an RE2 expression' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  grep?: string;

  @ApiPropertyOptional({ enum: ['stdout', 'stderr'] })
  @IsOptional()
  @IsIn(['stdout', 'stderr'])
  stream?: 'stdout' | 'stderr';
}

/** What containers said, out of the store: on whatever node they run or ran. */
@Controller('workloads/:id/logs')
export class LogsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    private readonly recheck: Recheck,
  ) {}

  @Get()
  @Needs('viewer', 'workload')
  @ApiProduces('text/event-stream', 'application/x-ndjson')
  @Answers(200, null, 'The output of the workload’s containers, those that are gone too; resumes with Last-Event-ID')
  async logs(
    @Who() who: Identity,
    @Id() id: string,
    @Query() { tail, follow, ...wanted }: ContainerLogQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await findWorkload(this.reads, who, id);
    const isWanted = lineFilter(wanted);
    const resumed = String(request.headers['last-event-id'] ?? '');
    const after = /^\d{1,15}$/.test(resumed) ? Number(resumed) : null;
    const reading = { workloadId: id, after, tail, follow, isWanted, isAllowed: this.recheck.of(request) };
    sendStream(followContainerLog(this.store.pool, reading), { request, reply });
  }
}
