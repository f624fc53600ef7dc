import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { PageQuery } from '../http/page.js';

export class EventAnswer {
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Place in the order that all readers see; null until it has one',
  })
  position: string | null;

  @ApiProperty() id: string;
  @ApiProperty({ example: 'workload-0198…' }) stream: string;
  @ApiProperty({ type: 'integer' }) version: number;
  @ApiProperty({ example: 'WorkloadCreated' }) type: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) data: Record<string, unknown>;
  @ApiProperty({ description: 'Id of a person or token, or system:…' }) actor: string;
  @ApiProperty({ type: String, nullable: true }) causationId: string | null;
  @ApiProperty() correlationId: string;
  @ApiProperty({ type: [String] }) workloadIds: readonly string[];
  @ApiProperty({ format: 'date-time' }) occurredAt: string;
}

export class EventsQuery extends PageQuery {
  @ApiPropertyOptional({ type: String, description: 'Position; what came after it' })
  @IsOptional()
  @Matches(/^\d{1,18}$/, { message: 'must be a position' })
  after?: string;

  @ApiPropertyOptional({ type: String, example: 'workload-0198…' })
  @IsOptional()
  @IsString()
  @MaxLength(400)
  stream?: string;
  @ApiPropertyOptional({ type: String, example: 'DeploymentSucceeded' })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  type?: string;
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MaxLength(100) correlationId?: string;
}

export class StreamQuery {
  @ApiPropertyOptional({ type: String, description: 'Position to start after; the end of the log unless told' })
  @IsOptional()
  @Matches(/^\d{1,18}$/, { message: 'must be a position' })
  after?: string;
}

export class AuditAnswer {
  @ApiProperty() intact: boolean;
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Position and hash of the newest event',
  })
  head?: object;
  @ApiPropertyOptional({ type: 'integer', description: 'Events that retention took' }) pruned?: number;
  @ApiPropertyOptional({ type: String, example: 'payload-changed' }) fault?: string;
  @ApiPropertyOptional({ type: String, nullable: true }) position?: string | null;
  @ApiPropertyOptional({ type: String, nullable: true }) eventId?: string | null;
}
