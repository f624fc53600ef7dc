import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { Delivery, Verdict } from '#store/views/delivery.entity';
import { PageQuery } from '../http/page.js';

export const OUTCOMES = ['deployed', 'skipped', 'noMatch', 'errored', 'pending'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Add up to the bindings that were enabled. */
export class OutcomesView {
  @ApiProperty({ type: 'integer' }) deployed: number;
  @ApiProperty({ type: 'integer' }) skipped: number;
  @ApiProperty({ type: 'integer' }) noMatch: number;
  @ApiProperty({ type: 'integer' }) errored: number;
  @ApiProperty({ type: 'integer' }) pending: number;
}

export class DeliveryAnswer extends OmitType(Delivery, ['isDispatched', 'attempt'] as const) {
  @ApiProperty({ type: OutcomesView }) outcomes: OutcomesView;
}

export class VerdictAnswer extends OmitType(Verdict, ['deliveryId', 'ordinal'] as const) {
  @ApiProperty({ enum: OUTCOMES }) outcome: Outcome;
}

export class DeliveryDetail extends DeliveryAnswer {
  @ApiProperty({ type: [VerdictAnswer] }) verdicts: VerdictAnswer[];
}

export class DeliveriesQuery extends PageQuery {
  @ApiPropertyOptional({ type: String, format: 'uuid' }) @IsOptional() @IsUUID() triggerId?: string;
  @ApiPropertyOptional({ enum: OUTCOMES, description: 'At least one binding came out so' })
  @IsOptional()
  @IsIn(OUTCOMES)
  outcome?: Outcome;
}

export class BodyAnswer {
  @ApiProperty({ format: 'uuid' }) deliveryId: string;
  @ApiProperty({ description: 'As it came in; bytes that are no UTF-8 are replaced' }) body: string;
}
