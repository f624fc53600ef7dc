import { Body, Controller, Delete, Get, Inject, Post, Query } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsISO8601,
  IsOptional,
  IsString,
  IsUUID,
  MaxLength,
  MinLength,
} from 'class-validator';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { ROLES, type Role } from '#domain/access';
import { token } from '#domain/token';
import { on, onNew } from '#store/operation';
import type { Store } from '#store/store';
import { Token } from '#store/views/record.entity';
import { CLOCK, READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { ShowsSecret } from '../http/idempotency.js';
import { AnswersPage, PageQuery, pageOf, type Page } from '../http/page.js';
import { causeOf, notFound, Who, type Identity } from './identity.js';
import { Needs } from './needs.js';
import { newToken } from './secret-hash.js';

export class CreateToken {
  @ApiProperty({ type: String, example: 'ci' }) @IsString() @MinLength(1) @MaxLength(100) name: string;
  @ApiProperty({ enum: ROLES }) @IsIn(ROLES) role: Role;

  @ApiPropertyOptional({ type: [String], nullable: true, description: 'null = every workload' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  @IsUUID(undefined, { each: true })
  workloadIds?: string[] | null;

  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true })
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  expiresAt?: string | null;
}

export class TokenAnswer extends OmitType(Token, ['hash', 'version'] as const) {}

export class TokenCreated extends TokenAnswer {
  @ApiProperty({ description: 'Shown this once' }) token: string;
}

@Controller('tokens')
export class TokensController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Post()
  @Needs('admin')
  @ShowsSecret()
  @Answers(201, TokenCreated, 'Makes an API token; it is shown this once')
  async create(@Who() who: Identity, @Body() body: CreateToken): Promise<TokenCreated> {
    const id = uuid();
    const { token: secret, hash, prefix } = newToken();
    const expiresAt = body.expiresAt == null ? null : new Date(body.expiresAt).toISOString();
    const settings = { name: body.name, role: body.role, workloadIds: body.workloadIds ?? null, expiresAt };
    const command = { type: 'CreateToken' as const, id, hash, prefix, settings, at: this.clock().toISOString() };
    await this.store.commit([onNew(token, id, command)], causeOf(who));
    return { ...(await this.#find(id)), token: secret };
  }

  @Get()
  @Needs('admin')
  @AnswersPage(TokenAnswer, 'Tokens that are not revoked')
  async list(@Query() query: PageQuery): Promise<Page<TokenAnswer>> {
    const page = await pageOf(
      this.reads.getRepository(Token).createQueryBuilder('token').where('token.revoked_at is null'),
      query,
    );
    return { ...page, items: page.items.map(answerOf) };
  }

  @Delete(':id')
  @Needs('admin')
  @Answers(204, null, 'Revokes a token; it stops working at once')
  async revoke(@Who() who: Identity, @Id() id: string): Promise<void> {
    await this.#find(id);
    await this.store.commit([on(token, id, { type: 'RevokeToken' })], causeOf(who));
  }

  async #find(id: string): Promise<TokenAnswer> {
    const found = await this.reads.getRepository(Token).findOneBy({ id });
    if (found === null) throw notFound('token');
    return answerOf(found);
  }
}

function answerOf({ hash: _hash, version: _version, ...row }: Token): TokenAnswer {
  return row;
}
