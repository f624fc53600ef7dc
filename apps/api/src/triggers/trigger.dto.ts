import { ApiProperty, ApiPropertyOptional, OmitType, PartialType } from '@nestjs/swagger';
import {
  IsBoolean,
  IsInt,
  IsNotEmptyObject,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
} from 'class-validator';
import { PageQuery } from '../http/page.js';

const isGiven = (_: object, value: unknown) => value !== undefined;
/** Text or the mask is checked by the handler, which knows whether there is a secret to keep. */
const isPlainSecret = (_: object, value: unknown) => value !== undefined && value !== null && typeof value !== 'object';

export class CreateTrigger {
  @ApiProperty({ type: String, example: 'registry', description: 'See GET /plugins' })
  @IsString()
  @MaxLength(63)
  kind: string;

  @ApiProperty({ type: String, maxLength: 100, example: 'releases' })
  @IsString()
  @MinLength(1)
  @MaxLength(100)
  name: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    default: {},
    description: 'See GET /plugins for its shape',
  })
  @ValidateIf(isGiven)
  @IsObject()
  config?: Record<string, unknown>;

  @ApiPropertyOptional({ type: Boolean, description: 'Left out: true for a kind that webhooks are made for' })
  @ValidateIf(isGiven)
  @IsBoolean()
  webhookEnabled?: boolean;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Takes this vendor only; null = recognised' })
  @IsOptional()
  @IsString()
  @MaxLength(63)
  vendor?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    minLength: 8,
    description: 'Then only signed webhooks pass; null = none',
  })
  @ValidateIf(isPlainSecret)
  @IsString()
  @MinLength(8)
  @MaxLength(1024)
  signingSecret?: unknown;
}

export class ChangeTrigger extends PartialType(OmitType(CreateTrigger, ['kind'] as const), {
  skipNullProperties: false,
}) {}

export class ChangeWebhook {
  @ApiPropertyOptional({ type: Boolean }) @ValidateIf(isGiven) @IsBoolean() enabled?: boolean;

  @ApiPropertyOptional({ type: String, nullable: true }) @IsOptional() @IsString() @MaxLength(63) vendor?:
    string | null;

  @ApiPropertyOptional({ type: String, nullable: true, minLength: 8 })
  @ValidateIf(isPlainSecret)
  @IsString()
  @MinLength(8)
  @MaxLength(1024)
  signingSecret?: unknown;
}

export class RotateWebhook {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 2_592_000,
    default: 0,
    description: 'The old URL works so long',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_592_000)
  overlapSeconds: number = 0;
}

export class FireInput {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    example: { kind: 'manual' },
    description: 'An inbound event; left out: manual',
  })
  @ValidateIf(isGiven)
  @IsNotEmptyObject()
  event?: Record<string, unknown>;
}

export class FireAnswer {
  @ApiProperty({ format: 'uuid' }) deliveryId: string;
  @ApiProperty({ enum: ['accepted', 'no-binding'] }) status: string;
}

class WebhookView {
  @ApiProperty() enabled: boolean;
  @ApiProperty() signed: boolean;
  @ApiProperty({ type: String, nullable: true }) vendor: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) lastDeliveryAt: Date | null;
}

export class TriggerAnswer {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ example: 'registry' }) kind: string;
  @ApiProperty({ example: 'releases' }) name: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) config: Record<string, unknown>;
  @ApiProperty({ type: WebhookView }) webhook: WebhookView;
  @ApiProperty({ type: 'integer' }) bindingCount: number;
  @ApiProperty({ type: [String], description: 'The next five instants at which it fires by the clock, UTC' })
  nextRuns: string[];
  @ApiProperty({ type: 'integer' }) version: number;
  @ApiProperty({ type: String, format: 'date-time' }) createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) updatedAt: Date;
}

export class WebhookAnswer {
  @ApiProperty() enabled: boolean;
  @ApiProperty({ description: 'Whoever knows it may send: treat it like a password' }) url: string;
  @ApiProperty() secret: string;
  @ApiProperty() signed: boolean;
  @ApiProperty({ type: String, nullable: true }) vendor: string | null;
  @ApiProperty({ type: 'integer' }) version: number;
}

export class TriggersQuery extends PageQuery {
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MaxLength(63) kind?: string;
  @ApiPropertyOptional({ type: String, description: 'Part of the name' })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  q?: string;
}

/** Either an existing trigger by id, or one that is made with the binding. */
export class BindInput extends PartialType(CreateTrigger, { skipNullProperties: false }) {
  @ApiPropertyOptional({ type: String, format: 'uuid' }) @ValidateIf(isGiven) @IsUUID() triggerId?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    default: {},
    description: 'Wins over the trigger’s config; at most 8 KiB',
  })
  @ValidateIf(isGiven)
  @IsObject()
  override?: Record<string, unknown>;

  @ApiPropertyOptional({ type: Boolean, default: true }) @ValidateIf(isGiven) @IsBoolean() enabled?: boolean;
}

export class BindWorkload {
  @ApiProperty({ type: String, format: 'uuid' }) @IsUUID() workloadId: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, default: {} })
  @ValidateIf(isGiven)
  @IsObject()
  override?: Record<string, unknown>;

  @ApiPropertyOptional({ type: Boolean, default: true }) @ValidateIf(isGiven) @IsBoolean() enabled?: boolean;
}

export class ChangeBinding {
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Replaced whole; {} = all of the trigger’s',
  })
  @ValidateIf(isGiven)
  @IsObject()
  override?: Record<string, unknown>;

  @ApiPropertyOptional({ type: Boolean }) @ValidateIf(isGiven) @IsBoolean() enabled?: boolean;
}

export class BindingAnswer {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty({ format: 'uuid' }) triggerId: string;
  @ApiProperty() triggerName: string;
  @ApiProperty() triggerKind: string;
  @ApiProperty({ format: 'uuid' }) workloadId: string;
  @ApiProperty() workloadName: string;
  @ApiProperty() enabled: boolean;
  @ApiProperty({ type: 'object', additionalProperties: true }) override: Record<string, unknown>;
  @ApiProperty({ type: [String] }) overriddenFields: string[];
  @ApiProperty({ type: 'integer' }) version: number;
  @ApiProperty({ type: String, format: 'date-time' }) createdAt: Date;
  @ApiProperty({ type: String, format: 'date-time' }) updatedAt: Date;
}

export class EffectiveAnswer {
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'The trigger’s own' }) base: object;
  @ApiProperty({ type: 'object', additionalProperties: true }) override: object;
  @ApiProperty({ type: [String] }) overriddenFields: string[];
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What counts: merged, with defaults and what is the workload’s own',
  })
  config: object;
}
