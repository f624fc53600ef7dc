import { ApiProperty } from '@nestjs/swagger';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeliveryOrigin, DeliveryStatus, RecordedInbound } from '#domain/delivery';

export const DELIVERY_STATUSES = [
  'accepted',
  'dispatching',
  'settled',
  'ignored',
  'ping',
  'disabled',
  'no-binding',
  'dead-letter',
] as const;

@Entity({ schema: 'view', name: 'delivery' })
export class Delivery {
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') id: string;
  @ApiProperty({ format: 'uuid' }) @Column('uuid') triggerId: string;
  @ApiProperty({ example: 'registry' }) @Column('text') triggerKind: string;
  @ApiProperty({ enum: ['webhook', 'poll', 'schedule', 'manual', 'replay'] }) @Column('text') origin: DeliveryOrigin;
  @ApiProperty({ example: 'distribution' }) @Column('text') vendor: string;
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  @Column('jsonb')
  events: RecordedInbound[];
  @ApiProperty({ enum: DELIVERY_STATUSES }) @Column('text') status: DeliveryStatus;
  @ApiProperty({ type: String, nullable: true }) @Column('text', { nullable: true }) reason: string | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) @Column('uuid', { nullable: true }) replayOf:
    string | null;
  @ApiProperty({ type: String, format: 'date-time' }) @Column('timestamptz') receivedAt: Date;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  settledAt: Date | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  @Column('timestamptz', { nullable: true })
  retryAt: Date | null;
  @ApiProperty() @Column('text') correlationId: string;
  @ApiProperty() @Column('int') version: number;
  @Column('boolean') isDispatched: boolean;
  @Column('int') attempt: number;
}

@Entity({ schema: 'view', name: 'verdict' })
export class Verdict {
  @PrimaryColumn('uuid') deliveryId: string;
  @ApiProperty({ format: 'uuid' }) @PrimaryColumn('uuid') bindingId: string;
  @ApiProperty({ format: 'uuid' }) @Column('uuid') workloadId: string;
  @ApiProperty({ enum: ['matched', 'filtered', 'errored'] }) @Column('text') verdict:
    'matched' | 'filtered' | 'errored';
  @ApiProperty({ example: 'outside-range' }) @Column('text') code: string;
  @ApiProperty({ example: 'tag 2.0.0 is outside the range >=1.0.0 <2.0.0' }) @Column('text') reason: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) @Column('jsonb') inputs: Record<string, unknown>;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) @Column('uuid', { nullable: true }) deploymentId:
    string | null;
  @Column('int') ordinal: number;
}
