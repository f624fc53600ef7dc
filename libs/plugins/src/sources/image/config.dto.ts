import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  type ValidationArguments,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { referenceProblem } from '../../oci/reference.js';
import { HealthcheckConfig } from '../../steps/healthcheck-config.dto.js';
import { ImageHooksConfig } from './hooks-config.dto.js';

@ValidatorConstraint({ name: 'imageReference' })
class ImageReferenceRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && referenceProblem(value) === null;
  }

  defaultMessage({ value }: ValidationArguments): string {
    return typeof value === 'string'
      ? (referenceProblem(value) ?? '')
      : 'image must be an image name such as ghcr.io/acme/shop';
  }
}

export class ImageConfig {
  @ApiProperty({
    type: String,
    maxLength: 1024,
    example: 'ghcr.io/acme/shop',
    description: 'Repository of the image, with or without a tag.',
  })
  @Validate(ImageReferenceRule)
  image: string;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: 65_535,
    default: null,
    description: 'Container port behind the faces; required where there is one.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  port: number | null = null;

  @ApiPropertyOptional({
    type: HealthcheckConfig,
    nullable: true,
    description: 'Left out with a port: GET /. Null: none.',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => HealthcheckConfig)
  healthcheck?: HealthcheckConfig | null;

  @ApiProperty({
    type: String,
    default: 'latest',
    maxLength: 128,
    description: 'What is deployed when nothing names a tag.',
  })
  @Matches(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, { message: 'defaultTag must be a tag: letters, digits, _ . -' })
  defaultTag: string = 'latest';

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 200,
    example: 'sha-{{sha}}',
    description: 'Tag for a git event: {{sha}}, {{tag}}, {{branch}}.',
  })
  @IsOptional()
  @MaxLength(200)
  @Matches(/^(?:[A-Za-z0-9_.-]|\{\{(?:sha|tag|branch)\}\})+$/, {
    message: 'tagTemplate must hold tag characters and {{sha}}, {{tag}} or {{branch}}',
  })
  tagTemplate: string | null = null;

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 100,
    description: 'Registry record to log in with; null = the one of that host.',
  })
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(100)
  registryName: string | null = null;

  @ApiProperty({
    enum: ['always', 'missing', 'never'],
    default: 'always',
    description: 'missing = what the host has, else pulled; never = what the host has.',
  })
  @IsIn(['always', 'missing', 'never'])
  pullPolicy: 'always' | 'missing' | 'never' = 'always';

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: 0.01,
    maximum: 512,
    default: null,
    description: 'Cores per instance; null = no limit.',
  })
  @IsOptional()
  @IsNumber({ maxDecimalPlaces: 3 })
  @Min(0.01)
  @Max(512)
  cpuLimit: number | null = null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: 6,
    maximum: 16_777_216,
    default: null,
    description: 'MiB per instance; null = no limit.',
  })
  @IsOptional()
  @IsInt()
  @Min(6)
  @Max(16_777_216)
  memoryLimit: number | null = null;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 32,
    default: 1,
    description: 'Containers of the release behind each face.',
  })
  @IsInt()
  @Min(1)
  @Max(32)
  maxInstances: number = 1;

  @ApiProperty({
    type: [String],
    nullable: true,
    maxItems: 100,
    default: null,
    description: "Argv instead of the image's own command.",
  })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(4096, { each: true })
  @Matches(/^[^\0]*$/, { each: true, message: 'command must not hold NUL characters' })
  command: readonly string[] | null = null;

  @ApiProperty({ type: ImageHooksConfig, description: 'What runs around a deployment.' })
  @IsObject()
  @ValidateNested()
  @Type(() => ImageHooksConfig)
  hooks: ImageHooksConfig = new ImageHooksConfig();

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 3600, default: 30, description: 'From SIGTERM to SIGKILL.' })
  @IsInt()
  @Min(0)
  @Max(3600)
  stopTimeoutSeconds: number = 30;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: 3600,
    default: 10,
    description: 'Old containers finish their requests for so long after the switch.',
  })
  @IsInt()
  @Min(0)
  @Max(3600)
  drainSeconds: number = 10;

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 40,
    example: 'backend',
    description:
      'Private network: its workloads reach each other by their names, and nobody else does. Null: on its own.',
  })
  @IsOptional()
  @Matches(/^(?!(?:host|bridge|none|default|container|tinyforge)$)[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, {
    message: 'network must be a name of 1 to 40 of a-z, 0-9 and inner "-", and none of Docker\'s own',
  })
  network: string | null = null;
}

/** Complete: what is left out takes the value shown. */
export const sample: ImageConfig = {
  image: 'ghcr.io/acme/shop',
  port: 8080,
  healthcheck: { path: '/', intervalSeconds: 1, timeoutSeconds: 5, deadlineSeconds: 30, minHealthySeconds: 0 },
  defaultTag: 'latest',
  tagTemplate: null,
  registryName: null,
  pullPolicy: 'always',
  cpuLimit: null,
  memoryLimit: null,
  maxInstances: 1,
  command: null,
  hooks: { preDeploy: null },
  stopTimeoutSeconds: 30,
  drainSeconds: 10,
  network: null,
};
