import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength, MinLength } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuid } from 'uuid';
import { ROLES, type Role } from '#domain/access';
import { Rejection } from '#domain/errors';
import { person } from '#domain/person';
import { token } from '#domain/token';
import type { Config } from '#runtime/config';
import { onNew } from '#store/operation';
import type { Statement } from '#store/statement';
import type { Store } from '#store/store';
import { CLOCK, CONFIG, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { ShowsSecret } from '../http/idempotency.js';
import { refuseForeignOrigin, sessionCookie } from './cookie.js';
import { Needs } from './needs.js';
import { hashPassword, requireStrong } from './password.js';
import { newToken } from './secret-hash.js';
import { newSession } from './session.js';
import { giveBackSetupCode, hasPeople, takeSetupCode } from './setup-code.js';

const FIRST_TOKEN = 'first token';

export class SetupInput {
  @ApiProperty({ type: String, description: 'From the link that the first start printed' })
  @IsString()
  @MinLength(1)
  @MaxLength(200)
  code: string;
  @ApiProperty({ type: String, example: 'ada' }) @IsString() @MinLength(1) @MaxLength(100) name: string;
  @ApiProperty({ type: String, minLength: 10 }) @IsString() @MaxLength(1024) password: string;
}

class FirstToken {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES }) role: Role;
  @ApiProperty({ description: 'Shown this once' }) token: string;
}

export class SetupAnswer {
  @ApiProperty({ format: 'uuid' }) id: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES }) role: Role;
  @ApiProperty({ description: 'The first API token; shown this once' }) token: string;
  @ApiProperty({ type: FirstToken }) apiToken: FirstToken;
}

@Controller('setup')
export class SetupController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Post()
  @Needs('nobody')
  @ShowsSecret()
  @Answers(201, SetupAnswer, 'Exchanges the one-time code for the first admin, a session and a first API token')
  async setUp(
    @Body() { code, name, password }: SetupInput,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SetupAnswer> {
    refuseForeignOrigin(request, this.config);
    requireStrong(password);
    if (!(await takeSetupCode(this.store, code))) {
      throw new Rejection(
        'invalid-code',
        'The setup code is unknown, used or older than an hour. Restart Tiny Forge for a new link.',
        [{ pointer: '/code', detail: 'must be the code of the newest setup link' }],
      );
    }
    try {
      const { answer, sessionSecret } = await this.#firstAdmin(name, await hashPassword(password));
      void reply.header('set-cookie', sessionCookie(sessionSecret, this.config));
      return answer;
    } catch (error) {
      await giveBackSetupCode(this.store, code);
      throw error;
    }
  }

  async #firstAdmin(name: string, hash: string): Promise<{ answer: SetupAnswer; sessionSecret: string }> {
    if (await hasPeople(this.store))
      throw new Rejection('already-set-up', 'There is an admin already. Sign in instead.');
    const [id, tokenId] = [uuid(), uuid()];
    const { token: secret, hash: tokenHash, prefix } = newToken();
    const settings = { name: FIRST_TOKEN, role: 'admin' as const, workloadIds: null, expiresAt: null };
    const at = this.clock().toISOString();
    const session = newSession(id);
    await this.store.commit(
      [
        onNew(person, id, { type: 'CreatePerson', id, role: 'admin', name }),
        onNew(token, tokenId, { type: 'CreateToken', id: tokenId, hash: tokenHash, prefix, settings, at }),
      ],
      { actor: id, correlationId: uuid(), extra: [insertCredential(id, name, hash), session.statement] },
    );
    const apiToken = { id: tokenId, name: FIRST_TOKEN, role: 'admin' as const, token: secret };
    return { answer: { id, name, role: 'admin', token: secret, apiToken }, sessionSecret: session.secret };
  }
}

function insertCredential(personId: string, name: string, hash: string): Statement {
  return {
    text: 'insert into state.credential (person_id, name, hash) values ($1, $2, $3)',
    values: [personId, name, hash],
  };
}
