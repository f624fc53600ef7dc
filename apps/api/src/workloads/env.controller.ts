import { Body, Controller, Delete, Get, Inject, Param, Put, Query } from '@nestjs/common';
import { ApiBody, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Allow, IsBoolean, IsOptional } from 'class-validator';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { workload, type Env } from '#domain/workload';
import { on } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, SECRETS, STORE } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { AnswersPage, cut, PageQuery, readCursor, type Page } from '../http/page.js';
import { maskEnv, sealEnv } from './env.js';
import { envChanges, imageKeysOf, originsOf, type EnvOrigin } from './env-origins.js';
import { findWorkload } from './find-workload.js';

export class EnvInput {
  @ApiPropertyOptional({
    description: 'Text; a secret sent back as { "$secret": "set" }, or left out, keeps its value',
    type: String,
  })
  @Allow()
  value?: unknown;

  @ApiPropertyOptional({ type: Boolean, default: false }) @IsOptional() @IsBoolean() secret?: boolean;
  @ApiPropertyOptional({ type: Boolean, default: false }) @IsOptional() @IsBoolean() optional?: boolean;
}

export class EnvAnswer {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { MODE: { value: 'x', secret: false, optional: false } },
  })
  env: Record<string, object>;

  @ApiProperty({ type: 'integer' }) version: number;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { MODE: { origin: 'workload', shadows: 'image' }, PATH: { origin: 'image', shadows: null } },
    description: "Every variable that the container has: the workload's own wins over the image's, known once deployed",
  })
  origins: Record<string, EnvOrigin>;

  @ApiProperty({ type: 'integer', description: 'Version at which they were set last; 0 = never' }) envVersion: number;
  @ApiProperty({ type: String, nullable: true, description: 'Who set them last' }) setBy: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) setAt: string | null;
}

export class EnvChangeAnswer {
  @ApiProperty({ type: 'integer' }) version: number;
  @ApiProperty() setBy: string;
  @ApiProperty({ format: 'date-time' }) setAt: string;
  @ApiProperty({ enum: ['set', 'removed'] }) change: 'set' | 'removed';
  @ApiProperty({ type: [String], description: 'Names; values are never in a list' }) keys: readonly string[];
}

const MOST_VERSIONS = 2_147_483_647;

@Controller('workloads/:id/env')
export class EnvController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
  ) {}

  @Get()
  @Needs('viewer', 'workload')
  @Answers(200, EnvAnswer, 'The variables; secrets never come back')
  async read(@Who() who: Identity, @Id() id: string): Promise<EnvAnswer> {
    const { env, version, envVersion, currentDeploymentId } = await findWorkload(this.reads, who, id);
    const [imageKeys, changes] = await Promise.all([
      imageKeysOf(this.reads, currentDeploymentId),
      envChanges(this.reads, id, { limit: 1, below: MOST_VERSIONS }),
    ]);
    const { setBy = null, setAt = null } = changes[0] ?? {};
    return { env: maskEnv(env), version, origins: originsOf(env, imageKeys), envVersion, setBy, setAt };
  }

  @Get('versions')
  @Needs('viewer', 'workload')
  @AnswersPage(EnvChangeAnswer, 'Who set which variables when, newest first')
  async versions(
    @Who() who: Identity,
    @Id() id: string,
    @Query() { limit, cursor }: PageQuery,
  ): Promise<Page<EnvChangeAnswer>> {
    await findWorkload(this.reads, who, id);
    const below = Math.min(Number(readCursor(cursor, /^\d{1,10}$/) ?? MOST_VERSIONS), MOST_VERSIONS);
    const rows = await envChanges(this.reads, id, { limit: limit + 1, below });
    return cut(rows, limit, ({ version }) => String(version));
  }

  @Put()
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @ApiBody({ schema: { type: 'object', additionalProperties: true, example: { MODE: { value: 'production' } } } })
  @Answers(200, EnvAnswer, 'Replaces all variables; takes effect with the next deployment')
  async replace(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: unknown,
    @IfMatch() expectedVersion?: number,
  ): Promise<EnvAnswer> {
    const { env: before, version } = await findWorkload(this.reads, who, id);
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new Rejection('invalid-body', 'The body must be a JSON object of variables.', [
        { pointer: '', detail: 'must be an object' },
      ]);
    }
    const { env, statements } = sealEnv(body as Record<string, unknown>, before, this.secrets);
    // A secret that is kept is that of the version which was read.
    return this.#set(who, id, { env, statements, expectedVersion: expectedVersion ?? version });
  }

  @Put(':key')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(200, EnvAnswer, 'Sets one variable')
  async set(
    @Who() who: Identity,
    @Id() id: string,
    @Param('key') key: string,
    @Body() body: EnvInput,
    @IfMatch() expectedVersion?: number,
  ): Promise<EnvAnswer> {
    const { env: before, version } = await findWorkload(this.reads, who, id);
    const { env, statements } = sealEnv({ [key]: body }, before, this.secrets);
    // Two that set different keys at once: one of them would undo the other without the version.
    return this.#set(who, id, { env: { ...before, ...env }, statements, expectedVersion: expectedVersion ?? version });
  }

  @Delete(':key')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(200, EnvAnswer, 'Removes one variable')
  async remove(
    @Who() who: Identity,
    @Id() id: string,
    @Param('key') key: string,
    @IfMatch() expectedVersion?: number,
  ): Promise<EnvAnswer> {
    const { env } = await findWorkload(this.reads, who, id);
    if (!Object.hasOwn(env, key)) throw new Rejection('not-found', `There is no variable ${key}.`);
    await this.store.commit([{ ...on(workload, id, { type: 'UnsetEnv', key }), expectedVersion }], causeOf(who));
    return this.read(who, id);
  }

  async #set(
    who: Identity,
    id: string,
    wanted: { env: Env; statements: readonly Statement[]; expectedVersion?: number },
  ): Promise<EnvAnswer> {
    const { env, statements, expectedVersion } = wanted;
    await this.store.commit([{ ...on(workload, id, { type: 'SetEnv', env }), expectedVersion }], {
      ...causeOf(who),
      extra: statements,
    });
    return this.read(who, id);
  }
}
