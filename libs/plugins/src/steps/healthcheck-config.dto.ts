import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';

/** Left out = the default shown; of the config, `/` where there is a port. */
export class HealthcheckConfig {
  @ApiPropertyOptional({
    type: String,
    nullable: true,
    example: '/',
    description: "Asked by GET; 2xx is healthy. Left out: Docker's HEALTHCHECK, else running 10 s.",
  })
  @IsOptional()
  @IsString()
  @MaxLength(2048)
  @Matches(/^\/[\x21-\x7e]*$/, { message: 'path must start with "/" and hold URL characters only' })
  path?: string | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: 65_535,
    description: 'Container port; left out = the port of the workload.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  port?: number | null;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: 300, default: 1, description: 'Pause between two checks.' })
  @IsInt()
  @Min(1)
  @Max(300)
  intervalSeconds: number = 1;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: 300, default: 5, description: 'How long one check may take.' })
  @IsInt()
  @Min(1)
  @Max(300)
  timeoutSeconds: number = 5;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 3600,
    default: 30,
    description: 'Healthy by then, or the deployment fails.',
  })
  @IsInt()
  @Min(1)
  @Max(3600)
  deadlineSeconds: number = 30;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: 3600,
    default: 0,
    description: 'It must stay healthy for so long before traffic is switched.',
  })
  @IsInt()
  @Min(0)
  @Max(3600)
  minHealthySeconds: number = 0;
}
