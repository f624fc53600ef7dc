import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { Deployment, DEPLOYMENT_STATUSES, FailureView, Step } from '#store/views/deployment.entity';
import { ArtifactView } from '#store/views/workload.entity';
import { FaceView } from '../workloads/face.dto.js';
import { PageQuery } from '../http/page.js';
import { VolumeInput } from '../workloads/volume.dto.js';
import { WaitingFor } from './waiting-for.js';

export class ReleaseView {
  @ApiProperty({ type: ArtifactView }) artifact: ArtifactView;
  @ApiProperty({ type: 'object', additionalProperties: true }) config: Readonly<Record<string, unknown>>;
  @ApiProperty({ type: [FaceView] }) faces: readonly FaceView[];
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'Secrets masked' }) env: Record<
    string,
    object
  >;
  @ApiProperty({ type: [VolumeInput] }) volumes: readonly VolumeInput[];
}

export class DeploymentAnswer extends OmitType(Deployment, ['release', 'plan', 'facts', 'isUnfinished'] as const) {
  @ApiProperty({ type: ReleaseView }) release: ReleaseView;
}

export class StepAnswer extends OmitType(Step, ['deploymentId', 'ordinal', 'status', 'attempt', 'startedAt'] as const) {
  @ApiProperty({ enum: ['pending', 'running', 'retrying', 'completed', 'failed'] }) status: string;
  @ApiProperty({ type: 'integer' }) attempt: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) startedAt: Date | null;
}

export class DeploymentDetail extends DeploymentAnswer {
  @ApiProperty({ type: [StepAnswer], description: 'In order; those still to come are pending' }) steps: StepAnswer[];
  @ApiProperty({ type: WaitingFor, nullable: true, description: 'What it waits for although nothing is wrong with it' })
  waitingFor: WaitingFor | null;
  @ApiProperty({ type: FailureView, nullable: true }) declare error: FailureView | null;
}

export class DeploymentsQuery extends PageQuery {
  @ApiPropertyOptional({ type: String, format: 'uuid' }) @IsOptional() @IsUUID() workloadId?: string;
  @ApiPropertyOptional({ enum: DEPLOYMENT_STATUSES }) @IsOptional() @IsIn(DEPLOYMENT_STATUSES) status?: string;
}

export class LogQuery {
  @ApiPropertyOptional({ type: Boolean, default: true, description: 'Until the deployment has ended' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  follow: boolean = true;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, default: 0, description: '`seq` of the last line that is known' })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after: number = 0;
}
