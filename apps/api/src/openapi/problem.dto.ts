import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

class FieldErrorView {
  @ApiProperty({ example: '/sourceConfig/port', description: 'JSON Pointer into the body' }) pointer: string;
  @ApiProperty({ example: 'must be an integer' }) detail: string;
}

/** RFC 9457. */
export class ProblemAnswer {
  @ApiProperty({ example: 'urn:tiny-forge:problem:name-taken' }) type: string;
  @ApiProperty({ example: 'Conflict' }) title: string;
  @ApiProperty({ type: 'integer', example: 409 }) status: number;
  @ApiProperty({ description: 'What happened, why, and what to do' }) detail: string;
  @ApiProperty({ example: 'name-taken', description: 'Stable' }) code: string;
  @ApiProperty({ type: [FieldErrorView] }) errors: FieldErrorView[];
  @ApiPropertyOptional({ type: 'integer', description: 'Of a conflict: the version that stands now' })
  currentVersion?: number;
  @ApiPropertyOptional({ description: 'Of a 5xx: what the log calls it' }) instance?: string;
}
