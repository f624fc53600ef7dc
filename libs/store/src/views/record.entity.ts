import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { ROLES, type Role } from '#domain/access';
import type { SecretRef } from '#domain/secret-ref';
import type { Settings } from '#domain/settings';

@Entity({ schema: 'view', name: 'registry' })
export class Registry {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ example: 'company' }) @Column('text') name: string;
  @ApiProperty({ example: 'registry.example.org:5000' }) @Column('text') host: string;
  @ApiProperty({ type: String, nullable: true }) @Column('text', { nullable: true }) username: string | null;
  @ApiProperty({ example: 'distribution' }) @Column('text') kind: string;
  @ApiProperty({ description: 'Plain http, and a private or loopback host' }) @Column('boolean') insecure: boolean;
  @ApiProperty() @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') updatedAt: Date;
  @Column('jsonb', { nullable: true }) password: SecretRef | null;
}

@Entity({ schema: 'view', name: 'person' })
export class Person {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ enum: ROLES }) @Column('text') role: Role;
  @Column('int') version: number;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
}

@Entity({ schema: 'view', name: 'token' })
export class Token {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ example: 'ci' }) @Column('text') name: string;
  @ApiProperty({ enum: ROLES }) @Column('text') role: Role;
  @ApiProperty({ example: 'tf_8f3a', description: 'Its first characters, to tell it by' })
  @Column('text')
  prefix: string;
  @ApiProperty({ type: [String], nullable: true, description: 'null = every workload' })
  @Column('jsonb', { nullable: true })
  workloadIds: string[] | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  expiresAt: Date | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  revokedAt: Date | null;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') createdAt: Date;
  @Column('int') version: number;
  @Column('text', { select: false }) hash: string;
}

@Entity({ schema: 'view', name: 'settings' })
export class SettingsRow {
  @PrimaryColumn('text') id: string;
  @Column('jsonb') data: Partial<Settings>;
  @Column('int') version: number;
  @Column('timestamptz') updatedAt: Date;
}
