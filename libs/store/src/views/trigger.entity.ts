import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AcceptedCandidate, Override } from '#domain/binding';
import type { SecretRef } from '#domain/secret-ref';

@Entity({ schema: 'view', name: 'trigger' })
export class Trigger {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ example: 'registry' }) @Column('text') kind: string;
  @ApiProperty({ example: 'releases' }) @Column('text') name: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') config: Record<string, unknown>;
  @Column('boolean') webhookEnabled: boolean;
  @Column('text', { nullable: true }) vendor: string | null;
  @ApiProperty() @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') updatedAt: Date;

  @Column('jsonb') urlSecret: SecretRef;
  @Column('text') urlSecretHash: string;
  @Column('text', { nullable: true }) previousSecretHash: string | null;
  @Column('timestamptz', { nullable: true }) previousUntil: Date | null;
  @Column('jsonb', { nullable: true }) signingSecret: SecretRef | null;
}

@Entity({ schema: 'view', name: 'binding' })
export class Binding {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ format: 'uuid' }) @Column('uuid') triggerId: string;
  @ApiProperty({ format: 'uuid' }) @Column('uuid') workloadId: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') override: Override;
  @ApiProperty() @Column('boolean') enabled: boolean;
  @ApiProperty() @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') updatedAt: Date;
  @Column('jsonb', { nullable: true }) last: AcceptedCandidate | null;
}
