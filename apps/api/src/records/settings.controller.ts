import { Body, Controller, Get, Inject, Patch } from '@nestjs/common';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import type { DataSource } from 'typeorm';
import { LETS_ENCRYPT, settings as decider, SETTINGS_ID } from '#domain/settings';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { followDomain } from '../workloads/faces.js';
import { namingHostOwner } from '../workloads/host-owner.js';
import { moveDomain } from './move-domain.js';
import { readSettings } from './read-settings.js';

const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const isGiven = (_: object, value: unknown) => value !== undefined;

class BaseImagesView {
  @ApiProperty({ example: 'docker.io/library/caddy:2', description: 'Has caddy on its PATH' })
  @IsString()
  @MaxLength(512)
  static: string;

  @ApiProperty({ example: 'docker.io/denoland/deno:2.9.6', description: 'Has deno on its PATH' })
  @IsString()
  @MaxLength(512)
  deno: string;
}

class AcmeView {
  @ApiProperty({
    type: String,
    example: LETS_ENCRYPT,
    description:
      'Address of an ACME directory, or `internal`: an authority of the proxy, which no browser trusts by itself',
  })
  @IsString()
  @MaxLength(500)
  directory: string;
}

export class SettingsView {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'apps.example.org',
    description: 'Completes faces that name a subdomain; they follow it',
  })
  @IsOptional()
  @Matches(DOMAIN, { message: 'must be a domain in lower case, such as apps.example.org' })
  domain: string | null;

  @ApiProperty({ type: AcmeView, description: 'Who issues certificates for faces with `tls: auto`' })
  @ValidateIf(isGiven)
  @IsObject()
  @ValidateNested()
  @Type(() => AcmeView)
  acme: AcmeView;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    description: 'Deployments of one delivery that run at a time',
  })
  @ValidateIf(isGiven)
  @IsInt()
  maxTriggerFanOutConcurrency: number;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: 100 }) @ValidateIf(isGiven) @IsInt() releasesKept: number;
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    maximum: 365,
    description: 'Output of containers, 4 MiB per workload at most',
  })
  @ValidateIf(isGiven)
  @IsInt()
  logDays: number;

  @ApiProperty({ type: 'integer', minimum: 1, maximum: 3650, description: 'Bodies of deliveries' })
  @ValidateIf(isGiven)
  @IsInt()
  bodyDays: number;

  @ApiProperty({ type: 'integer', nullable: true, minimum: 1, maximum: 36_500, description: 'null = for ever' })
  @IsOptional()
  @IsInt()
  historyDays: number | null;

  @ApiProperty({ type: 'integer', minimum: 1024, maximum: 26_214_400, description: 'Of a webhook' })
  @ValidateIf(isGiven)
  @IsInt()
  maxBodyBytes: number;

  @ApiProperty({
    type: String,
    nullable: true,
    example: '/srv/tiny-forge/volumes',
    description: 'Host directory below which workloads get theirs; null = no volumes of such a scope',
  })
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  volumeBase: string | null;

  @ApiProperty({
    type: [String],
    example: ['/srv/media'],
    description: 'Host paths below which an absolute volume may be; empty = none',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  allowedVolumePaths: readonly string[];

  @ApiProperty({ type: [String], description: 'Docker volumes that a workload may use although they are not its own' })
  @ValidateIf(isGiven)
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  allowedNamedVolumes: readonly string[];

  @ApiProperty({ type: BaseImagesView, description: 'What static sites are built on, by mode' })
  @ValidateIf(isGiven)
  @IsObject()
  @ValidateNested()
  @Type(() => BaseImagesView)
  baseImages: BaseImagesView;

  @ApiProperty({
    type: [String],
    example: ['git.example.org', '10.0.0.0/8', 'http://gitea.lan:3000'],
    description:
      'Git providers that may be reached although they are not public; http:// in front: over plain http too',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  allowedProviderHosts: readonly string[];
}

export class ChangeSettings extends PartialType(SettingsView, { skipNullProperties: false }) {}

export class SettingsAnswer extends SettingsView {
  @ApiProperty({ type: 'integer', description: '0 = never changed' }) version: number;
}

@Controller('settings')
export class SettingsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  @Get()
  @Needs('viewer')
  @Answers(200, SettingsAnswer, 'The settings of the instance')
  async read(): Promise<SettingsAnswer> {
    const { settings, version } = await readSettings(this.reads);
    return { ...settings, version };
  }

  @Patch()
  @Needs('admin')
  @TakesIfMatch()
  @Answers(200, SettingsAnswer, 'Changes what is named. Subdomains follow a new domain, each with its next deployment')
  async change(
    @Who() who: Identity,
    @Body() body: ChangeSettings,
    @IfMatch() expectedVersion?: number,
  ): Promise<SettingsAnswer> {
    const operation = {
      ...on(decider, SETTINGS_ID, { type: 'ChangeSettings', changes: { ...body } }),
      expectedVersion,
    };
    const { settings } = await readSettings(this.reads);
    const isMoving = body.domain !== undefined && body.domain !== settings.domain;
    const moved = isMoving ? await moveDomain(this.reads, body.domain ?? null) : { operations: [], faces: [] };
    const extra = isMoving ? followDomain(null, []) : [];
    await namingHostOwner(this.reads, moved.faces, () =>
      this.store.commit([operation, ...moved.operations], { ...causeOf(who), extra }),
    );
    return this.read();
  }
}
