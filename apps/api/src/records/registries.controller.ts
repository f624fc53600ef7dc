import { Body, Controller, Delete, Get, Inject, Patch, Post, Query } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, OmitType, PartialType } from '@nestjs/swagger';
import { IsBoolean, IsOptional, IsString, MaxLength, MinLength, ValidateIf } from 'class-validator';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { Rejection, RetryableError } from '#domain/errors';
import { registry } from '#domain/registry';
import type { SecretRef } from '#domain/secret-ref';
import { checkAccess } from '#plugins/oci/registry-client';
import type { Http } from '#plugins/http';
import { on, onNew } from '#store/operation';
import { registryAccess } from '#store/registry-access';
import type { Secrets } from '#store/secrets';
import type { Statement } from '#store/statement';
import type { Store } from '#store/store';
import { Registry } from '#store/views/record.entity';
import { causeOf, notFound, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { HTTP, READS, SECRETS, STORE } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { AnswersPage, PageQuery, pageOf, type Page } from '../http/page.js';
import { isMasked, masked, MASKED, sealNext } from './masked.js';

const TEST_MS = 5_000;
const isGiven = (_: object, value: unknown) => value !== undefined;
const isPlain = (_: object, value: unknown) => value !== undefined && value !== null && !isMasked(value);

export class CreateRegistry {
  @ApiProperty({ type: String, example: 'company' }) @IsString() @MinLength(1) @MaxLength(100) name: string;
  @ApiProperty({ type: String, example: 'registry.example.org:5000' }) @IsString() @MaxLength(259) host: string;
  @ApiPropertyOptional({ type: String, nullable: true }) @IsOptional() @IsString() @MaxLength(256) username?:
    string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Never comes back' })
  @ValidateIf(isPlain)
  @IsString()
  @MinLength(1)
  @MaxLength(8192)
  password?: unknown;

  @ApiPropertyOptional({ type: String, default: 'distribution' })
  @ValidateIf(isGiven)
  @IsString()
  @MinLength(1)
  @MaxLength(63)
  kind?: string;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Plain http, and a private or loopback host' })
  @ValidateIf(isGiven)
  @IsBoolean()
  insecure?: boolean;
}

export class ChangeRegistry extends PartialType(CreateRegistry, { skipNullProperties: false }) {}

export class RegistryAnswer extends OmitType(Registry, ['password'] as const) {
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true, example: MASKED }) password:
    typeof MASKED | null;
}

export class TestAnswer {
  @ApiProperty() ok: boolean;
  @ApiProperty({ type: 'integer', description: 'Until the answer' }) milliseconds: number;
}

@Controller('registries')
export class RegistriesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(HTTP) private readonly http: Http,
  ) {}

  @Post()
  @Needs('admin')
  @Answers(201, RegistryAnswer, 'Names a registry and how to log in to it')
  async create(@Who() who: Identity, @Body() body: CreateRegistry): Promise<RegistryAnswer> {
    const id = uuid();
    const { name, host, username = null, kind = 'distribution', insecure = false } = body;
    const { ref, statements } = this.#seal(body.password, null);
    const settings = { name, host, username, password: ref ?? null, kind, insecure };
    await this.store.commit([onNew(registry, id, { type: 'CreateRegistry', id, settings })], {
      ...causeOf(who),
      extra: statements,
    });
    return this.read(id);
  }

  @Get()
  @Needs('viewer')
  @AnswersPage(RegistryAnswer, 'Registries, newest first')
  async list(@Query() query: PageQuery): Promise<Page<RegistryAnswer>> {
    const page = await pageOf(this.reads.getRepository(Registry).createQueryBuilder('registry').where('true'), query);
    return { ...page, items: page.items.map(answerOf) };
  }

  @Get(':id')
  @Needs('viewer')
  @Answers(200, RegistryAnswer, 'A registry')
  async read(@Id() id: string): Promise<RegistryAnswer> {
    return answerOf(await this.#find(id));
  }

  @Patch(':id')
  @Needs('admin')
  @TakesIfMatch()
  @Answers(200, RegistryAnswer, 'Changes what is named')
  async change(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: ChangeRegistry,
    @IfMatch() expectedVersion?: number,
  ): Promise<RegistryAnswer> {
    const before = await this.#find(id);
    const { name, host, username, kind, insecure } = body;
    const { ref, statements } = this.#seal(body.password, before.password);
    const changes = { name, host, username, password: ref, kind, insecure };
    const operation = { ...on(registry, id, { type: 'ChangeRegistry', changes }), expectedVersion };
    await this.store.commit([operation], { ...causeOf(who), extra: statements });
    return this.read(id);
  }

  @Delete(':id')
  @Needs('admin')
  @TakesIfMatch()
  @Answers(204, null, 'Forgets a registry that no workload names')
  async remove(@Who() who: Identity, @Id() id: string, @IfMatch() expectedVersion?: number): Promise<void> {
    const { name } = await this.#find(id);
    const users: { name: string }[] = await this.reads.query(
      `select name from view.workload where lifecycle <> 'gone' and source_config->>'registryName' = $1 order by name`,
      [name],
    );
    const command = { type: 'DeleteRegistry' as const, usedBy: users.map((user) => user.name) };
    await this.store.commit([{ ...on(registry, id, command), expectedVersion }], causeOf(who));
  }

  @Post(':id/test')
  @Needs('editor')
  @Answers(200, TestAnswer, 'Logs in; a registry that does not answer or refuses is 502')
  async test(@Id() id: string): Promise<TestAnswer> {
    const { host, name } = await this.#find(id);
    const access = await registryAccess({ pool: this.store.pool, secrets: this.secrets }, host, name);
    const signal = AbortSignal.timeout(TEST_MS);
    const startedAt = performance.now();
    await checkAccess({ http: this.http, signal }, access).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new RetryableError('registry-unreachable', `${host} did not answer within ${TEST_MS / 1000} s.`);
    });
    return { ok: true, milliseconds: Math.round(performance.now() - startedAt) };
  }

  async #find(id: string): Promise<Registry> {
    const found = await this.reads.getRepository(Registry).findOneBy({ id });
    if (found === null) throw notFound('registry');
    return found;
  }

  /** `ref` undefined = as it is, null = none any more. */
  #seal(
    password: unknown,
    before: SecretRef | null,
  ): { ref: SecretRef | null | undefined; statements: readonly Statement[] } {
    if (password === undefined || (isMasked(password) && before !== null)) return { ref: undefined, statements: [] };
    if (password === null) return { ref: null, statements: [] };
    if (typeof password !== 'string') {
      throw new Rejection('unknown-secret', 'There is no password to keep. Send its value, or leave it out.', [
        { pointer: '/password', detail: 'must be text' },
      ]);
    }
    const { ref, statement } = sealNext(this.secrets, password, before);
    return { ref, statements: [statement] };
  }
}

function answerOf({ password, ...row }: Registry): RegistryAnswer {
  return { ...row, password: masked(password) };
}
