import { Body, Controller, Get, Inject, Patch, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { trigger } from '#domain/trigger';
import type { Config } from '#runtime/config';
import { on } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CLOCK, CONFIG, PLUGINS, READS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { ShowsSecret } from '../http/idempotency.js';
import { checkVendor } from './check-trigger.js';
import { sealSigningSecret, sealUrlSecret } from './create-trigger.js';
import { findTrigger } from './find-trigger.js';
import { ChangeWebhook, RotateWebhook, WebhookAnswer } from './trigger.dto.js';
import { webhookUrl } from './webhook-url.js';

@Controller('triggers/:id/webhook')
export class WebhookController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Get()
  @Needs('editor')
  @Answers(200, WebhookAnswer, 'The URL to send to; the secret in it is the only protection unless webhooks are signed')
  async read(@Id() id: string): Promise<WebhookAnswer> {
    const { webhookEnabled: enabled, urlSecret, signingSecret, vendor, version } = await findTrigger(this.reads, id);
    const secret = await this.secrets.open(urlSecret);
    return { enabled, url: webhookUrl(this.config, secret), secret, signed: signingSecret !== null, vendor, version };
  }

  @Patch()
  @Needs('editor')
  @TakesIfMatch()
  @Answers(200, WebhookAnswer, 'Switches the webhook, pins its vendor, sets its signing secret')
  async change(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: ChangeWebhook,
    @IfMatch() expectedVersion?: number,
  ): Promise<WebhookAnswer> {
    const before = await findTrigger(this.reads, id);
    const signing = sealSigningSecret(body.signingSecret, before.signingSecret, this.secrets);
    const isSigned = signing.ref === undefined ? before.signingSecret !== null : signing.ref !== null;
    checkVendor(this.plugins, body.vendor === undefined ? before.vendor : body.vendor, isSigned);
    const changes = { webhookEnabled: body.enabled, vendor: body.vendor, signingSecret: signing.ref };
    const operation = { ...on(trigger, id, { type: 'ChangeTrigger', changes }), expectedVersion };
    await this.store.commit([operation], { ...causeOf(who), extra: signing.statements });
    return this.read(id);
  }

  @Post('rotate')
  @Needs('editor')
  @TakesIfMatch()
  @ShowsSecret()
  @Answers(200, WebhookAnswer, 'A new URL; the old one works until the overlap has passed')
  async rotate(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: RotateWebhook,
    @IfMatch() expectedVersion?: number,
  ): Promise<WebhookAnswer> {
    await findTrigger(this.reads, id);
    const { urlSecret, statements } = sealUrlSecret(this.secrets);
    const previousUntil = new Date(this.clock().getTime() + body.overlapSeconds * 1000).toISOString();
    const operation = { ...on(trigger, id, { type: 'RotateUrlSecret', urlSecret, previousUntil }), expectedVersion };
    await this.store.commit([operation], { ...causeOf(who), extra: statements });
    return this.read(id);
  }
}
