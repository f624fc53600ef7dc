import { ApiProperty, ApiPropertyOptional, OmitType, PartialType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { Workload, WORKLOAD_STATES } from '#store/views/workload.entity';
import { PageQuery } from '../http/page.js';
import { FaceAnswer, FaceInput } from './face.dto.js';
import { VolumeInput } from './volume.dto.js';

class WatchWindowInput {
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 86_400 }) @IsInt() @Min(1) @Max(86_400) seconds: number;
  @ApiProperty({ enum: ['alert', 'rollback'] }) @IsIn(['alert', 'rollback']) onFailure: 'alert' | 'rollback';
}

/** What is left out stays as it is; at first: heal, null, queue, fail. */
export class PolicyInput {
  @ApiPropertyOptional({ enum: ['heal', 'alert', 'ignore'] })
  @ValidateIf(isGiven)
  @IsIn(['heal', 'alert', 'ignore'])
  drift?: 'heal' | 'alert' | 'ignore';

  @ApiPropertyOptional({ type: WatchWindowInput, nullable: true })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => WatchWindowInput)
  watchWindow?: WatchWindowInput | null;

  @ApiPropertyOptional({ enum: ['queue', 'cancel'] })
  @ValidateIf(isGiven)
  @IsIn(['queue', 'cancel'])
  onNewer?: 'queue' | 'cancel';

  @ApiPropertyOptional({ enum: ['fail', 'skip'] })
  @ValidateIf(isGiven)
  @IsIn(['fail', 'skip'])
  undecryptableEnv?: 'fail' | 'skip';
}

/** What can be changed later; PATCH is a merge patch, but `sourceConfig` and `faces` are replaced whole. */
class WorkloadSettingsInput {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'See GET /plugins for its shape' })
  @IsObject()
  sourceConfig: Record<string, unknown>;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 200 })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  title?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 63, example: 'production' })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(63)
  stage?: string | null;

  @ApiPropertyOptional({ type: [FaceInput] })
  @ValidateIf(isGiven)
  @IsArray()
  @ArrayMaxSize(50)
  @ValidateNested({ each: true })
  @Type(() => FaceInput)
  faces?: FaceInput[];

  @ApiPropertyOptional({ type: String, format: 'uuid', nullable: true })
  @IsOptional()
  @IsUUID()
  parentId?: string | null;

  @ApiPropertyOptional({ type: PolicyInput })
  @ValidateIf(isGiven)
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyInput)
  policy?: PolicyInput;
}

export class CreateWorkload extends WorkloadSettingsInput {
  @ApiProperty({ type: String, example: 'shop', description: 'A DNS label, unique, fixed' })
  @IsString()
  @MaxLength(63)
  name: string;

  @ApiProperty({ type: String, example: 'image' })
  @IsString()
  @MaxLength(63)
  sourceKind: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { MODE: { value: 'production' } } })
  @ValidateIf(isGiven)
  @IsObject()
  env?: Record<string, unknown>;

  @ApiPropertyOptional({ type: [VolumeInput] })
  @ValidateIf(isGiven)
  @IsArray()
  @ArrayMaxSize(50)
  @ValidateNested({ each: true })
  @Type(() => VolumeInput)
  volumes?: VolumeInput[];

  @ApiPropertyOptional({ type: String, example: 'default' })
  @ValidateIf(isGiven)
  @IsString()
  @MaxLength(63)
  node?: string;
}

export class ChangeWorkload extends PartialType(WorkloadSettingsInput, { skipNullProperties: false }) {}

export class WorkloadsQuery extends PageQuery {
  @ApiPropertyOptional({ type: String, description: 'Part of the name or title' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  q?: string;

  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MaxLength(63) sourceKind?: string;
  @ApiPropertyOptional({ enum: WORKLOAD_STATES }) @IsOptional() @IsIn(WORKLOAD_STATES) state?: string;
  @ApiPropertyOptional({ type: String, format: 'uuid' }) @IsOptional() @IsUUID() parentId?: string;
}

/** As it was; at most one of the two. */
export class PastQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  version?: number;

  @ApiPropertyOptional({ type: String, format: 'date-time' })
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  at?: string;
}

export class DiffQuery {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Version; 0 = before it was made' })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  from: number;

  @ApiProperty({ type: 'integer', minimum: 1 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  to: number;
}

const HIDDEN = ['faces', 'lifecycle', 'env', 'envVersion', 'volumes', 'runningDeploymentId'] as const;

export class WorkloadAnswer extends OmitType(Workload, HIDDEN) {
  @ApiProperty({ description: 'Nothing is heard of its node: its state is what was seen last' }) nodeIsSilent: boolean;
  @ApiProperty({ type: [FaceAnswer] }) faces: FaceAnswer[];
}

export class ChainLink extends PickType(WorkloadAnswer, [
  'id',
  'name',
  'title',
  'stage',
  'sourceKind',
  'state',
  'hold',
  'currentDeploymentId',
  'pendingDeploymentId',
  'currentArtifact',
] as const) {}

export class ChainAnswer {
  @ApiProperty({ type: ChainLink, nullable: true }) parent: ChainLink | null;
  @ApiProperty({ type: ChainLink }) self: ChainLink;
  @ApiProperty({ type: [ChainLink] }) children: ChainLink[];
}

function isGiven(_: object, value: unknown): boolean {
  return value !== undefined;
}
