import { Body, Controller, Delete, Get, Inject, Patch, Post, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { binding } from '#domain/binding';
import { trigger } from '#domain/trigger';
import { on } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { Trigger } from '#store/views/trigger.entity';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { PLUGINS, READS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { AnswersPage, pageOf, type Page } from '../http/page.js';
import { requireBindingsValid } from './bindings-of-trigger.js';
import { checkTriggerConfig, checkVendor, requireTriggerKind } from './check-trigger.js';
import { newTrigger, sealSigningSecret } from './create-trigger.js';
import { findTrigger, triggerAnswer, triggerAnswers } from './find-trigger.js';
import { ChangeTrigger, CreateTrigger, TriggerAnswer, TriggersQuery } from './trigger.dto.js';

@Controller('triggers')
export class TriggersController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(PLUGINS) readonly plugins: Plugins,
  ) {}

  @Post()
  @Needs('editor')
  @Answers(201, TriggerAnswer, 'Makes a trigger with a webhook URL of its own')
  async create(@Who() who: Identity, @Body() body: CreateTrigger): Promise<TriggerAnswer> {
    const { id, operation, statements } = newTrigger(body, { plugins: this.plugins, secrets: this.secrets });
    await this.store.commit([operation], { ...causeOf(who), extra: statements });
    return triggerAnswer(this, id);
  }

  @Get()
  @Needs('viewer')
  @AnswersPage(TriggerAnswer, 'Triggers, newest first')
  async list(@Query() query: TriggersQuery): Promise<Page<TriggerAnswer>> {
    const rows = this.reads.getRepository(Trigger).createQueryBuilder('trigger').where('true');
    if (query.kind !== undefined) rows.andWhere('trigger.kind = :kind', { kind: query.kind });
    if (query.q !== undefined)
      rows.andWhere('trigger.name ilike :q', { q: `%${query.q.replaceAll(/[\\%_]/g, '\\$&')}%` });
    const page = await pageOf(rows, query);
    return { ...page, items: await triggerAnswers(this, page.items) };
  }

  @Get(':id')
  @Needs('viewer')
  @Answers(200, TriggerAnswer, 'A trigger')
  read(@Id() id: string): Promise<TriggerAnswer> {
    return triggerAnswer(this, id);
  }

  @Patch(':id')
  @Needs('editor')
  @TakesIfMatch()
  @Answers(200, TriggerAnswer, 'Changes what is named; a change that breaks a binding is refused')
  async change(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: ChangeTrigger,
    @IfMatch() expectedVersion?: number,
  ): Promise<TriggerAnswer> {
    const before = await findTrigger(this.reads, id);
    const plugin = requireTriggerKind(this.plugins, before.kind);
    const { name, config, webhookEnabled, vendor } = body;
    if (config !== undefined) {
      checkTriggerConfig(plugin, config);
      await requireBindingsValid({ reads: this.reads, plugins: this.plugins }, { id, plugin, config });
    }
    const signing = sealSigningSecret(body.signingSecret, before.signingSecret, this.secrets);
    const isSigned = signing.ref === undefined ? before.signingSecret !== null : signing.ref !== null;
    checkVendor(this.plugins, vendor === undefined ? before.vendor : vendor, isSigned);
    const changes = { name, config, webhookEnabled, vendor, signingSecret: signing.ref };
    const operation = {
      ...on(trigger, id, { type: 'ChangeTrigger', changes }),
      expectedVersion: expectedVersion ?? pinned(config, before),
    };
    await this.store.commit([operation], { ...causeOf(who), extra: signing.statements });
    return triggerAnswer(this, id);
  }

  @Delete(':id')
  @Needs('editor')
  @TakesIfMatch()
  @Answers(204, null, 'Removes the trigger and its bindings')
  async remove(@Who() who: Identity, @Id() id: string, @IfMatch() expectedVersion?: number): Promise<void> {
    await findTrigger(this.reads, id);
    const bindings: { id: string }[] = await this.reads.query('select id from view.binding where trigger_id = $1', [
      id,
    ]);
    const unbind = bindings.map((row) => on(binding, row.id, { type: 'RemoveBinding' }));
    await this.store.commit(
      [{ ...on(trigger, id, { type: 'DeleteTrigger' }), expectedVersion }, ...unbind],
      causeOf(who),
    );
  }
}

/** A config was checked against what was read: another change meanwhile has to be looked at. */
function pinned(config: object | undefined, before: Trigger): number | undefined {
  return config === undefined ? undefined : before.version;
}
