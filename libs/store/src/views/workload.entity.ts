import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Face } from '#domain/face';
import type { Env, Hold, Policy } from '#domain/workload';
import type { RunState } from '#domain/run-state';
import type { ReleaseRecord } from '#domain/release';
import type { Volume } from '#domain/volume';

export class ArtifactView {
  @ApiProperty({ example: 'image' }) kind: string;
  @ApiProperty({ example: 'ghcr.io/acme/shop' }) repository: string;
  @ApiProperty({ type: String, nullable: true }) tag: string | null;
  @ApiProperty({ type: String, nullable: true, example: 'sha256:…' }) digest: string | null;
  @ApiProperty({ type: String, required: false, description: 'Id of an image that only the host has' })
  localId?: string;
  @ApiProperty({ type: String, required: false, description: 'Commit, of a source that deploys commits' })
  sha?: string;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Of several images: what each name stands for',
  })
  images?: Record<string, string>;
}

export class StartFailureView {
  @ApiProperty({ example: 'wait-healthy' }) step: string;
  @ApiProperty({ example: 'not-healthy' }) code: string;
  @ApiProperty() message: string;
}

export const WORKLOAD_STATES = [
  'never-deployed',
  'deleting',
  'deploying',
  'running',
  'degraded',
  'failed',
  'stopped',
] as const;

@Entity({ schema: 'view', name: 'workload' })
export class Workload {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ example: 'shop' }) @Column('text') name: string;
  @ApiProperty({ type: String, nullable: true }) @Column('text', { nullable: true }) title: string | null;
  @ApiProperty({ type: String, nullable: true }) @Column('text', { nullable: true }) stage: string | null;
  @ApiProperty({ example: 'image' }) @Column('text') sourceKind: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') sourceConfig: Record<string, unknown>;
  /** With their secrets' refs: an answer shows them masked. */
  @Column('jsonb') faces: readonly Face[];
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) @Column('uuid', { nullable: true }) parentId:
    string | null;
  @ApiProperty({ example: 'default' }) @Column('text') node: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') policy: Policy;
  @ApiProperty({ enum: ['running', 'stopped'] }) @Column('text') runState: RunState;
  @ApiProperty({ description: 'False while a worker still stops or starts it' })
  @Column('boolean', { name: 'is_run_state_reached' })
  runStateReached: boolean;
  @ApiProperty({ type: StartFailureView, nullable: true, description: 'Why it could not be started the last time' })
  @Column('jsonb', { nullable: true })
  startError: StartFailureView | null;
  @ApiProperty({ enum: WORKLOAD_STATES }) @Column('text') state: (typeof WORKLOAD_STATES)[number];
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  @Column('jsonb', { nullable: true })
  hold: Hold | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  @Column('uuid', { nullable: true })
  currentDeploymentId: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true })
  @Column('uuid', { nullable: true })
  pendingDeploymentId: string | null;
  @ApiProperty({ type: ArtifactView, nullable: true }) @Column('jsonb', { nullable: true }) currentArtifact:
    ReleaseRecord['artifact'] | null;
  @ApiProperty({ description: 'Version of its stream; the ETag' }) @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') updatedAt: Date;

  /** `gone` rows answer 404. */
  @Column('text', { select: false }) lifecycle: 'present' | 'deleting' | 'gone';
  @Column('jsonb', { select: false }) env: Env;
  @Column('int', { select: false }) envVersion: number;
  @Column('jsonb', { select: false }) volumes: Volume[];
  @Column('uuid', { nullable: true, select: false }) runningDeploymentId: string | null;
}
