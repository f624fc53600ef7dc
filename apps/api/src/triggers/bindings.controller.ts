import { Body, Controller, Delete, Get, Inject, Patch, Post, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { binding, type Override } from '#domain/binding';
import { Rejection } from '#domain/errors';
import { effectiveOf, type Parts } from '#plugins/effective-config';
import { on, onNew, type Operation } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import type { Workload } from '#store/views/workload.entity';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { PLUGINS, READS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { AnswersPage, PageQuery, type Page } from '../http/page.js';
import { findWorkload } from '../workloads/find-workload.js';
import { checkOverride, requireTriggerKind } from './check-trigger.js';
import { newTrigger } from './create-trigger.js';
import { findBinding, listBindings } from './find-binding.js';
import { findTrigger } from './find-trigger.js';
import {
  BindingAnswer,
  BindInput,
  BindWorkload,
  ChangeBinding,
  CreateTrigger,
  EffectiveAnswer,
} from './trigger.dto.js';

type TriggerParts = Pick<Parts, 'trigger' | 'config'>;

@Controller()
export class BindingsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(PLUGINS) private readonly plugins: Plugins,
  ) {}

  @Get('workloads/:id/triggers')
  @Needs('viewer', 'workload')
  @AnswersPage(BindingAnswer, 'What makes the workload deploy')
  async ofWorkload(@Who() who: Identity, @Id() id: string, @Query() query: PageQuery): Promise<Page<BindingAnswer>> {
    await findWorkload(this.reads, who, id);
    return listBindings(this.reads, { column: 'workload_id', id }, query);
  }

  @Post('workloads/:id/triggers')
  @Needs('editor')
  @Answers(201, BindingAnswer, 'Binds an existing trigger, or makes one in the same transaction')
  async bind(@Who() who: Identity, @Id() id: string, @Body() body: BindInput): Promise<BindingAnswer> {
    const workload = await findWorkload(this.reads, who, id);
    const { override = {}, enabled = true } = body;
    const inline = inlineTrigger(body);
    if (inline === null) return this.#bindExisting(who, { workload, triggerId: body.triggerId!, override, enabled });
    const created = newTrigger(inline, { plugins: this.plugins, secrets: this.secrets });
    const parts = { trigger: requireTriggerKind(this.plugins, inline.kind), config: inline.config ?? {} };
    checkOverride(this.#parts(parts, workload, override));
    const bound = createBinding({ triggerId: created.id, workloadId: id, override, enabled });
    await this.store.commit([created.operation, bound.operation], { ...causeOf(who), extra: created.statements });
    return findBinding(this.reads, who, bound.id);
  }

  @Get('triggers/:id/bindings')
  @Needs('viewer')
  @AnswersPage(BindingAnswer, 'What the trigger deploys')
  async ofTrigger(@Id() id: string, @Query() query: PageQuery): Promise<Page<BindingAnswer>> {
    await findTrigger(this.reads, id);
    return listBindings(this.reads, { column: 'trigger_id', id }, query);
  }

  @Post('triggers/:id/bindings')
  @Needs('editor')
  @Answers(201, BindingAnswer, 'Binds a workload')
  async bindWorkload(@Who() who: Identity, @Id() id: string, @Body() body: BindWorkload): Promise<BindingAnswer> {
    await findTrigger(this.reads, id);
    const workload = await findWorkload(this.reads, who, body.workloadId).catch(() => {
      throw new Rejection('unknown-workload', 'There is no such workload.', [
        { pointer: '/workloadId', detail: 'must be the id of a workload' },
      ]);
    });
    return this.#bindExisting(who, {
      workload,
      triggerId: id,
      override: body.override ?? {},
      enabled: body.enabled ?? true,
    });
  }

  @Get('bindings/:id')
  @Needs('viewer', 'workload')
  @Answers(200, BindingAnswer, 'A binding')
  read(@Who() who: Identity, @Id() id: string): Promise<BindingAnswer> {
    return findBinding(this.reads, who, id);
  }

  @Patch('bindings/:id')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(200, BindingAnswer, 'Switches a binding, or replaces its override')
  async change(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: ChangeBinding,
    @IfMatch() expectedVersion?: number,
  ): Promise<BindingAnswer> {
    const before = await findBinding(this.reads, who, id);
    const { override, enabled } = body;
    if (override !== undefined) {
      const workload = await findWorkload(this.reads, who, before.workloadId);
      checkOverride(this.#parts(await this.#trigger(before.triggerId), workload, override));
    }
    const operation = { ...on(binding, id, { type: 'ChangeBinding', override, enabled }), expectedVersion };
    const reads = override === undefined ? undefined : this.#pinned(before.triggerId);
    await this.store.commit([operation], { ...causeOf(who), reads });
    return findBinding(this.reads, who, id);
  }

  @Delete('bindings/:id')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(204, null, 'Removes a binding; the trigger stays')
  async remove(@Who() who: Identity, @Id() id: string, @IfMatch() expectedVersion?: number): Promise<void> {
    await findBinding(this.reads, who, id);
    await this.store.commit([{ ...on(binding, id, { type: 'RemoveBinding' }), expectedVersion }], causeOf(who));
  }

  @Get('bindings/:id/effective')
  @Needs('viewer', 'workload')
  @Answers(200, EffectiveAnswer, 'The config that counts, and what of it is overridden')
  async effective(@Who() who: Identity, @Id() id: string): Promise<EffectiveAnswer> {
    const { triggerId, workloadId, override, overriddenFields } = await findBinding(this.reads, who, id);
    const [parts, workload] = await Promise.all([this.#trigger(triggerId), findWorkload(this.reads, who, workloadId)]);
    const { config } = effectiveOf(this.#parts(parts, workload, override));
    return { base: parts.config, override, overriddenFields, config };
  }

  async #bindExisting(
    who: Identity,
    {
      workload,
      triggerId,
      override,
      enabled,
    }: { workload: Workload; triggerId: string; override: Override; enabled: boolean },
  ): Promise<BindingAnswer> {
    const parts = await this.#trigger(triggerId).catch((error: unknown) => {
      if (!(error instanceof Rejection) || error.code !== 'not-found') throw error;
      throw new Rejection('unknown-trigger', 'There is no such trigger.', [
        { pointer: '/triggerId', detail: 'must be the id of a trigger' },
      ]);
    });
    checkOverride(this.#parts(parts, workload, override));
    const bound = createBinding({ triggerId, workloadId: workload.id, override, enabled });
    await this.store.commit([bound.operation], { ...causeOf(who), reads: this.#pinned(triggerId) });
    return findBinding(this.reads, who, bound.id);
  }

  /** Locked while the binding is written: a change or removal of the trigger waits, or comes first and is seen. */
  #pinned(triggerId: string) {
    return { trigger: { table: 'view.trigger' as const, id: triggerId } };
  }

  async #trigger(id: string): Promise<TriggerParts> {
    const { kind, config } = await findTrigger(this.reads, id);
    return { trigger: requireTriggerKind(this.plugins, kind), config };
  }

  #parts(parts: TriggerParts, { sourceKind, sourceConfig }: Workload, override: Override): Parts {
    const source = this.plugins.sources.find((plugin) => plugin.kind === sourceKind);
    return { ...parts, override, source, sourceConfig };
  }
}

function createBinding(input: { triggerId: string; workloadId: string; override: Override; enabled: boolean }): {
  id: string;
  operation: Operation;
} {
  const id = uuid();
  return { id, operation: onNew(binding, id, { type: 'CreateBinding', id, ...input }) };
}

/** Null when an existing trigger is named. Throws `invalid-body` for both or neither. */
function inlineTrigger(body: BindInput): CreateTrigger | null {
  const { triggerId, override: _override, enabled: _enabled, ...rest } = body;
  const fields = Object.entries(rest).filter(([, value]) => value !== undefined);
  if (triggerId !== undefined && fields.length === 0) return null;
  const wrong = (pointer: string, detail: string) =>
    new Rejection('invalid-body', `The body is not valid: ${pointer} ${detail}.`, [{ pointer, detail }]);
  if (triggerId !== undefined) throw wrong(`/${fields[0]![0]}`, 'must be left out together with triggerId');
  if (rest.kind === undefined) throw wrong('/kind', 'is required where there is no triggerId');
  if (rest.name === undefined) throw wrong('/name', 'is required where there is no triggerId');
  return { ...rest, kind: rest.kind, name: rest.name };
}
