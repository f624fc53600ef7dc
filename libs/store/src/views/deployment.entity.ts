import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeploymentReason, DeploymentStatus } from '#domain/deployment';
import type { ReleaseRecord } from '#domain/release';

export const DEPLOYMENT_STATUSES = [
  'waiting',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'superseded',
  'skipped',
  'rolled_back',
] as const;
export const DEPLOYMENT_REASONS = [
  'manual',
  'webhook',
  'poll',
  'schedule',
  'promote',
  'rollback',
  'drift',
  'event',
] as const;

export class FailureView {
  @ApiProperty({ required: false, example: 'wait-healthy' }) step?: string;
  @ApiProperty({ example: 'container-exited' }) code: string;
  @ApiProperty({ required: false, enum: ['retryable', 'permanent', 'operator'] }) class?: string;
  @ApiProperty() message: string;
  @ApiProperty({ required: false }) attempt?: number;
  @ApiProperty({ required: false, description: 'seq in the deployment log at which its last lines start' })
  logOffset?: number;
  @ApiProperty({ required: false, type: [String], description: 'The last log lines, read from the deployment log' })
  lastLines?: string[];
}

export class PromotionView {
  @ApiProperty({ format: 'uuid' }) workloadId: string;
  @ApiProperty({ format: 'uuid', description: 'That brought up the artifact there' }) deploymentId: string;
  @ApiProperty({ description: 'It had not succeeded there, or is of another repository' }) isHotfix: boolean;
}

@Entity({ schema: 'view', name: 'deployment' })
export class Deployment {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ format: 'uuid' }) @Column('uuid') workloadId: string;
  @ApiProperty() @Column('text') workloadName: string;
  @ApiProperty({ example: 'image' }) @Column('text') sourceKind: string;
  @ApiProperty() @Column('text') node: string;
  @ApiProperty({ enum: DEPLOYMENT_STATUSES }) @Column('text') status: DeploymentStatus;
  @ApiProperty({ enum: DEPLOYMENT_REASONS }) @Column('text') reason: DeploymentReason;
  @ApiProperty({ type: String, nullable: true }) @Column('text', { nullable: true }) note: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) @Column('uuid', { nullable: true }) bindingId:
    string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) @Column('uuid', { nullable: true }) deliveryId:
    string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') release: ReleaseRecord;
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The deployment whose release it brings back',
  })
  @Column('uuid', { nullable: true })
  restores: string | null;
  @ApiProperty({ type: PromotionView, nullable: true })
  @Column('jsonb', { nullable: true })
  promotedFrom: PromotionView | null;
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The deployment that brought an earlier release back',
  })
  @Column('uuid', { nullable: true })
  rolledBackBy: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  @Column('uuid', { nullable: true })
  previousDeploymentId: string | null;
  @ApiProperty({ type: [String], description: 'Variables that could not be decrypted and were left out' })
  @Column('jsonb')
  skippedEnv: string[];
  @ApiProperty({ type: FailureView, nullable: true }) @Column('jsonb', { nullable: true }) error: FailureView | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  retryAt: Date | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Somebody wants it to end; it does at the next safe point, undone',
  })
  @Column('timestamptz', { nullable: true })
  cancelRequestedAt: Date | null;
  @ApiProperty() @Column('text') correlationId: string;
  @ApiProperty() @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') requestedAt: Date;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  startedAt: Date | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;
  @Column('jsonb', { select: false }) plan: string[];
  @Column('jsonb', { select: false }) facts: Record<string, unknown>;
  @Column('boolean', { select: false }) isUnfinished: boolean;
}

@Entity({ schema: 'view', name: 'step' })
export class Step {
  @PrimaryColumn('uuid') deploymentId: string;
  @ApiProperty({ example: 'wait-healthy' }) @PrimaryColumn('text') name: string;
  @ApiProperty({ enum: ['running', 'retrying', 'completed', 'failed'] }) @Column('text') status: string;
  @ApiProperty() @Column('int') attempt: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') startedAt: Date;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') facts: Record<string, unknown>;
  @ApiProperty({ type: FailureView, nullable: true }) @Column('jsonb', { nullable: true }) error: FailureView | null;
  @Column('int') ordinal: number;
}
