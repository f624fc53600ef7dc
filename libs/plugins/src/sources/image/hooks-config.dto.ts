import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
} from 'class-validator';

export class ImageHooksConfig {
  @ApiProperty({
    type: [String],
    nullable: true,
    default: null,
    maxItems: 100,
    example: ['bin/migrate', '--yes'],
    description:
      'Argv of a one-off container of the new image before the switch, behind its entrypoint if it has one. ' +
      'Anything but exit code 0 fails the deployment.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(4096, { each: true })
  @Matches(/^[^\0]*$/, { each: true, message: 'preDeploy must not hold NUL characters' })
  preDeploy: readonly string[] | null = null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 86_400,
    default: 600,
    description: 'By then the hook has ended, or the deployment fails.',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsInt()
  @Min(1)
  @Max(86_400)
  preDeployTimeoutSeconds?: number;
}
