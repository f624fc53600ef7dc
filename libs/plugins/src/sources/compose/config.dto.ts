import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import { HealthcheckConfig } from '../../steps/healthcheck-config.dto.js';
import { PERMISSIONS, type Permission } from './permissions.js';

export class ComposeConfig {
  @ApiProperty({
    type: String,
    maxLength: 262_144,
    description: 'A Compose file. Its variables are those of the workload; it reads no other files.',
  })
  @IsString()
  @MinLength(1)
  @MaxLength(262_144)
  yaml: string;

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 100,
    description: 'Null = the name of the workload and the end of its id. Unique on its node.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  @Matches(/[A-Za-z0-9]/, { message: 'projectName must hold a letter or a digit' })
  projectName: string | null = null;

  @ApiProperty({
    type: String,
    nullable: true,
    default: null,
    maxLength: 100,
    example: 'web',
    description: 'The service behind the faces; required where there is one.',
  })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  routedService: string | null = null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: 65_535,
    default: null,
    description: 'Container port of that service; required where a face names none of its own.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  port: number | null = null;

  @ApiPropertyOptional({
    type: HealthcheckConfig,
    nullable: true,
    description: 'Of the routed service, where it names a path; of all others its HEALTHCHECK, else running 10 s.',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => HealthcheckConfig)
  healthcheck?: HealthcheckConfig | null;

  @ApiProperty({ type: 'integer', minimum: 5, maximum: 3600, default: 300, description: 'For one run of Compose.' })
  @IsInt()
  @Min(5)
  @Max(3600)
  deadlineSeconds: number = 300;

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 3600, default: 10 })
  @IsInt()
  @Min(0)
  @Max(3600)
  drainSeconds: number = 10;

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 3600, default: 30 })
  @IsInt()
  @Min(0)
  @Max(3600)
  stopTimeoutSeconds: number = 30;

  @ApiProperty({
    enum: PERMISSIONS,
    isArray: true,
    default: [],
    description: 'What the file may ask for although it reaches beyond its containers. Admins alone change it.',
  })
  @IsArray()
  @ArrayMaxSize(PERMISSIONS.length)
  @IsIn(PERMISSIONS, { each: true })
  permissions: readonly Permission[] = [];
}

export const sample: ComposeConfig = Object.assign(new ComposeConfig(), {
  yaml: 'services:\n  web:\n    image: ghcr.io/acme/shop:1\n    restart: unless-stopped\n  db:\n    image: postgres:18\n    volumes: [data:/var/lib/postgresql]\nvolumes:\n  data:\n',
  routedService: 'web',
  port: 8080,
});
