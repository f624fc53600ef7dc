import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { ArtifactView } from '#store/views/workload.entity';

export class ReleaseAnswer {
  @ApiProperty({ format: 'uuid', description: 'The newest deployment that brought it up' }) deploymentId: string;
  @ApiProperty({ type: ArtifactView }) artifact: ArtifactView;
  @ApiProperty({ type: 'integer', description: 'GET /workloads/{id}?version= shows these variables; 0 = none' })
  envVersion: number;
  @ApiProperty({ enum: ['succeeded', 'rolled_back'] }) status: string;
  @ApiProperty({ description: 'Kept whatever comes after it' }) pinned: boolean;
  @ApiProperty({ description: 'Serves now' }) current: boolean;
  @ApiProperty({ type: String, format: 'date-time' }) succeededAt: Date;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) rolledBackBy: string | null;
}

export class RollbackInput {
  @ApiPropertyOptional({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'A deployment of this workload that has served; left out: the last good one before what serves',
  })
  @IsOptional()
  @IsUUID()
  deploymentId?: string | null;

  @ApiPropertyOptional({ type: String, maxLength: 500, description: 'For the history' })
  @IsOptional()
  @IsString()
  @MaxLength(500)
  reason?: string;
}

export class PromoteInput {
  @ApiPropertyOptional({ type: String, format: 'uuid', nullable: true, description: 'Left out: the parent' })
  @IsOptional()
  @IsUUID()
  workloadId?: string | null;

  @ApiPropertyOptional({
    type: Boolean,
    default: false,
    description: 'Past the gate: what has not succeeded there, or is of another repository. Recorded as a hotfix',
  })
  @IsOptional()
  @IsBoolean()
  force?: boolean;
}
