import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsString, MaxLength, ValidateIf } from 'class-validator';
import { VOLUME_SCOPES, type VolumeScope } from '#domain/volume';

const isGiven = (_: object, value: unknown) => value !== undefined;

export class VolumeInput {
  @ApiProperty({
    enum: VOLUME_SCOPES,
    description:
      'absolute: a host path that the settings allow; ephemeral: memory; instance: a directory of this version; ' +
      'stage, project: a directory of the workload; project_named: a Docker volume of the workload; named: one by its name',
  })
  @IsIn(VOLUME_SCOPES)
  scope: VolumeScope;

  @ApiPropertyOptional({ type: String, default: '', example: 'data', description: 'Path or name; empty for ephemeral' })
  @ValidateIf(isGiven)
  @IsString()
  @MaxLength(1024)
  source: string = '';

  @ApiProperty({ type: String, example: '/data', description: 'Absolute path in the container' })
  @IsString()
  @MaxLength(1024)
  target: string;

  @ApiPropertyOptional({ type: Boolean, default: false })
  @ValidateIf(isGiven)
  @IsBoolean()
  readOnly: boolean = false;
}

export class VolumeAnswer extends VolumeInput {
  @ApiProperty({
    type: String,
    nullable: true,
    example: '/srv/volumes/shop-1f0c9a2b/data',
    description: 'Host path or name of the Docker volume; null for memory, and while no version tells it',
  })
  resolved: string | null;
}

export class VolumesAnswer {
  @ApiProperty({ type: [VolumeAnswer] }) items: VolumeAnswer[];
  @ApiProperty({ type: String, nullable: true, description: 'Always null: they are few' }) nextCursor: null;
  @ApiProperty({ type: 'integer', description: 'Of the workload; the ETag' }) version: number;
}
