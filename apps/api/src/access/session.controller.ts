import { Body, Controller, Delete, Get, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ROLES, type Role } from '#domain/access';
import { Rejection } from '#domain/errors';
import type { Config } from '#runtime/config';
import type { Store } from '#store/store';
import { CLOCK, CONFIG, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { ShowsSecret } from '../http/idempotency.js';
import { Authenticate } from './authenticate.js';
import { readCookie, refuseForeignOrigin, requireOwnOrigin, sessionCookie } from './cookie.js';
import { Who, type Identity } from './identity.js';
import { Needs } from './needs.js';
import { isPassword } from './password.js';
import { hashOf } from './secret-hash.js';
import { newSession } from './session.js';
import { SignInLimit } from './sign-in-limit.js';

/** Either a token, or name and password. */
export class SignInInput {
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MinLength(1) @MaxLength(1024) token?: string;
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MinLength(1) @MaxLength(100) name?: string;
  @ApiPropertyOptional({ type: String }) @IsOptional() @IsString() @MinLength(1) @MaxLength(1024) password?: string;
}

export class MeAnswer {
  @ApiProperty({ description: 'Id of the person or token, or system:admin-token' }) id: string;
  @ApiProperty({ enum: ['person', 'token', 'admin-token'] }) kind: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: ROLES }) role: Role;
  @ApiProperty({ type: [String], nullable: true, description: 'null = every workload' }) workloadIds:
    readonly string[] | null;
}

@Controller()
export class SessionController {
  readonly #limit: SignInLimit;

  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) clock: () => Date,
    private readonly authenticate: Authenticate,
  ) {
    this.#limit = new SignInLimit(() => clock().getTime());
  }

  @Get('me')
  @Needs('viewer', 'self')
  @Answers(200, MeAnswer, 'Who is asking')
  me(@Who() who: Identity): MeAnswer {
    return meAnswer(who);
  }

  @Post('session')
  @Needs('nobody')
  @ShowsSecret()
  @Answers(200, MeAnswer, 'Signs in and sets the session cookie')
  async signIn(
    @Body() { token, name, password }: SignInInput,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MeAnswer> {
    refuseForeignOrigin(request, this.config);
    const key = `${request.ip} ${name?.toLowerCase() ?? 'token'}`;
    this.#limit.check(key);
    const signedIn = token !== undefined ? await this.#byToken(token) : await this.#byPassword(name, password);
    if (signedIn === null) {
      this.#limit.failed(key);
      throw new Rejection(
        'bad-credentials',
        'The token, or the name and password, are not right. Check them and try again.',
      );
    }
    this.#limit.succeeded(key);
    void reply.header('set-cookie', sessionCookie(signedIn.secret, this.config));
    return signedIn.me;
  }

  @Delete('session')
  @Needs('nobody')
  @Answers(204, null, 'Signs out')
  async signOut(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<void> {
    const secret = readCookie(request, this.config);
    if (secret !== null) {
      requireOwnOrigin(request, this.config);
      await this.store.pool.query('delete from state.session where hash = $1 or expires_at < now()', [hashOf(secret)]);
    }
    void reply.header('set-cookie', sessionCookie(null, this.config));
  }

  /** The cookie then holds the token itself: when it is revoked, so is the session. */
  async #byToken(token: string): Promise<{ secret: string; me: MeAnswer } | null> {
    const identity = /^[\x21-\x3a\x3c-\x7e]+$/.test(token) ? await this.authenticate.byToken(token) : null;
    return identity && { secret: token, me: meAnswer(identity) };
  }

  async #byPassword(
    name: string | undefined,
    password: string | undefined,
  ): Promise<{ secret: string; me: MeAnswer } | null> {
    if (name === undefined || password === undefined) {
      throw new Rejection('invalid-body', 'Send either a token, or a name and a password.', [
        { pointer: '', detail: 'must have token, or name and password' },
      ]);
    }
    const { rows } = await this.store.pool.query<{ id: string; role: Role; name: string; hash: string }>(
      'select p.id, p.role, c.name, c.hash from state.credential c join view.person p on p.id = c.person_id where lower(c.name) = lower($1)',
      [name],
    );
    const row = rows[0];
    if (!(await isPassword(password, row?.hash ?? null)) || row === undefined) return null;
    const { secret, statement } = newSession(row.id);
    await this.store.pool.query(statement.text, [...statement.values]);
    return { secret, me: { id: row.id, kind: 'person', name: row.name, role: row.role, workloadIds: null } };
  }
}

function meAnswer({ actor, kind, name, role, workloadIds }: Identity): MeAnswer {
  return { id: actor, kind, name, role, workloadIds };
}
