import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsNotEmptyObject, IsObject, ValidateIf } from 'class-validator';
import { ArtifactView } from '#store/views/workload.entity';
import { Rule } from '#plugins/rule';
import { DowntimeAnswer } from '../workloads/plan-workload.js';

const isGiven = (_: object, value: unknown) => value !== undefined;
const bodyProblem = (value: unknown) =>
  typeof value === 'string' || (typeof value === 'object' && value !== null)
    ? null
    : 'must be JSON, or the text as it was sent';
const headersProblem = (value: unknown) =>
  Object.values(value ?? {}).every((each) => typeof each === 'string') ? null : 'must hold text under each name';

export class SimulateInput {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { 'x-github-event': 'push' },
  })
  @ValidateIf(isGiven)
  @IsObject()
  @Rule(headersProblem)
  headers?: Record<string, string>;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'What a vendor would send, as JSON or as text',
  })
  @ValidateIf(isGiven)
  @Rule(bodyProblem)
  body?: unknown;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Instead of a body: an inbound event; with neither: manual',
  })
  @ValidateIf(isGiven)
  @IsNotEmptyObject()
  event?: Record<string, unknown>;
}

export class SimulatedVerdict {
  @ApiProperty({ format: 'uuid' }) bindingId: string;
  @ApiProperty({ format: 'uuid' }) workloadId: string;
  @ApiProperty() workloadName: string;
  @ApiProperty({ enum: ['matched', 'filtered', 'errored'] }) verdict: string;
  @ApiProperty({ example: 'out-of-range' }) code: string;
  @ApiProperty() reason: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) effectiveConfig: object | null;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Place among those that would deploy, from 1' }) order:
    number | null;
  @ApiProperty({ type: ArtifactView, nullable: true }) artifact: ArtifactView | null;
  @ApiProperty({ type: [String] }) steps: string[];
  @ApiProperty({ type: DowntimeAnswer, nullable: true }) downtime: DowntimeAnswer | null;
}

export class SimulateAnswer {
  @ApiProperty({ example: 'github' }) vendor: string;
  @ApiProperty({ enum: ['accepted', 'ping', 'ignored'] }) status: string;
  @ApiProperty({ type: String, nullable: true }) reason: string | null;
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } }) events: object[];
  @ApiProperty({ type: [SimulatedVerdict] }) verdicts: SimulatedVerdict[];
}
