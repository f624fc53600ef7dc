import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Engine } from '#domain/node';

@Entity({ schema: 'view', name: 'node' })
export class Node {
  @PrimaryColumn('text') name: string;
  @Column('jsonb', { nullable: true }) engine: Engine | null;
  @Column('timestamptz', { nullable: true }) silentSince: Date | null;
  @Column('int') version: number;
  @Column('timestamptz') joinedAt: Date;
  @Column('timestamptz') updatedAt: Date;
}
