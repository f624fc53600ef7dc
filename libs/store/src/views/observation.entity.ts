import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Finding, ObservedContainer } from '#domain/observation';
import type { Leftover } from '#domain/removal';

export const FINDING_KINDS = ['missing', 'crashed', 'stopped', 'changed', 'extra', 'unknown'] as const;

export class FindingView {
  @ApiProperty({ enum: FINDING_KINDS }) kind: (typeof FINDING_KINDS)[number];
  @ApiProperty({ type: String, nullable: true, description: "Docker's name" }) container: string | null;
  @ApiProperty({ example: 'tf-shop-1a2b3c4d-5e6f7a8b-1 is gone' }) detail: string;
}

export class ObservedContainerView {
  @ApiProperty({ description: "Docker's name" }) name: string;
  @ApiProperty({ description: "Docker's id" }) containerId: string;
  @ApiProperty({ format: 'uuid' }) deploymentId: string;
  @ApiProperty({ example: 'running', description: "Docker's word" }) state: string;
  @ApiProperty({ enum: ['none', 'starting', 'healthy', 'unhealthy'] }) health: string;
}

export class HealedView {
  @ApiProperty({ type: String, format: 'date-time' }) at: string;
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'The deployment that brought it back; null = none of ours',
  })
  healedBy: string | null;
  @ApiProperty({ type: [FindingView] }) findings: FindingView[];
}

export class CrashView {
  @ApiProperty({ type: String, format: 'date-time' }) at: string;
  @ApiProperty({ format: 'uuid' }) deploymentId: string;
  @ApiProperty({ type: 'integer' }) crashes: number;
}

@Entity({ schema: 'view', name: 'observation' })
export class Observation {
  @PrimaryColumn('uuid') workloadId: string;
  @Column('uuid', { nullable: true }) deploymentId: string | null;
  @Column('text', { nullable: true }) state: 'running' | 'degraded' | 'missing' | 'stopped' | null;
  @Column('text') detail: string;
  @Column('jsonb') containers: ObservedContainer[];
  @Column('jsonb') findings: Finding[];
  @Column('timestamptz', { nullable: true }) driftSince: Date | null;
  @Column('jsonb', { nullable: true }) healed: HealedView | null;
  @Column('jsonb') crashes: CrashView[];
  @Column('uuid', { nullable: true }) watchFailed: string | null;
  @Column('timestamptz') updatedAt: Date;
}

export class LeftoverView {
  @ApiProperty({ description: "Docker's id" }) containerId: string;
  @ApiProperty({ description: "Docker's name" }) name: string;
  @ApiProperty({ format: 'uuid' }) workloadId: string;
}

@Entity({ schema: 'view', name: 'removal' })
export class Removal {
  @ApiProperty({ example: 'default' }) @PrimaryColumn('text') node: string;
  @ApiProperty({ enum: ['held', 'confirmed'] }) @Column('text') status: 'held' | 'confirmed';
  @ApiProperty({ type: [LeftoverView], description: 'What nothing wants any more' })
  @Column('jsonb')
  containers: Leftover[];
  @ApiProperty({ type: 'integer', description: 'Containers of this installation on the node' })
  @Column('int')
  total: number;
  @ApiProperty() @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') updatedAt: Date;
}
