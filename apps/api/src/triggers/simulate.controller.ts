import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { BoundWorkload } from '#domain/bound-workload';
import { Rejection } from '#domain/errors';
import { oneLine } from '#domain/one-line';
import type { InboundEvent } from '#plugins/inbound';
import { judge, repetition, type Judgement } from '#plugins/judge';
import { withoutPerson } from '#plugins/without-person';
import { readBound } from '#store/read-bound';
import type { Store } from '#store/store';
import { Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { PLUGINS, READS, STORE, type Plugins } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { maskRefs } from '../records/masked.js';
import { PlanWorkload } from '../workloads/plan-workload.js';
import { requireTriggerKind } from './check-trigger.js';
import { findTrigger } from './find-trigger.js';
import { readPayload } from './read-payload.js';
import { SimulateAnswer, SimulateInput, type SimulatedVerdict } from './simulate.dto.js';

/** Registries are asked for so many bindings at a time. */
const AT_A_TIME = 8;

@Controller('triggers/:id/simulate')
export class SimulateController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    private readonly plans: PlanWorkload,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('deployer')
  @Answers(200, SimulateAnswer, 'What each enabled binding would make of a payload or an event; changes nothing')
  async simulate(@Who() who: Identity, @Id() id: string, @Body() body: SimulateInput): Promise<SimulateAnswer> {
    const { kind, config, vendor: pinned } = await findTrigger(this.reads, id);
    requireTriggerKind(this.plugins, kind);
    const { vendor, status, reason, events } = readPayload(body, pinned);
    const bound = events.length === 0 ? [] : await readBound(this.store.pool, id);
    const judged = bound.map((each) => ({ each, judgement: judge(each, { kind, config }, { events }, this.plugins) }));
    const verdicts: SimulatedVerdict[] = [];
    for (let at = 0; at < judged.length; at += AT_A_TIME)
      verdicts.push(
        ...(await Promise.all(
          judged.slice(at, at + AT_A_TIME).map(({ each, judgement }) => this.#verdict(who, each, judgement)),
        )),
      );
    return { vendor, status, reason, events: events.map(recorded), verdicts: numbered(verdicts) };
  }

  async #verdict(who: Identity, bound: BoundWorkload, judgement: Judgement): Promise<SimulatedVerdict> {
    const { bindingId, workloadId, workloadName } = bound;
    const { verdict, code, reason, inputs } = judgement;
    const effectiveConfig = inputs['effectiveConfig'] ?? null;
    const named = { bindingId, workloadId, workloadName, effectiveConfig: maskRefs(effectiveConfig) };
    const nothing = { order: null, artifact: null, steps: [], downtime: null };
    if (judgement.verdict !== 'matched') return { ...named, verdict, code, reason, ...nothing };
    try {
      const { artifact, steps, downtime } = await this.plans.plan(who, workloadId, judgement.wish);
      const repeated = repetition(bound, judgement, artifact);
      if (repeated !== null) return { ...named, verdict: 'filtered', ...repeated, ...nothing };
      return { ...named, verdict, code, reason, order: 0, artifact, steps, downtime };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const failed =
        error instanceof Rejection || 'code' in error ? String((error as { code: unknown }).code) : 'unexpected';
      return { ...named, verdict: 'errored', code: failed, reason: oneLine(error.message), ...nothing };
    }
  }
}

/** In the order in which they are asked for. */
function numbered(verdicts: readonly SimulatedVerdict[]): SimulatedVerdict[] {
  let order = 0;
  return verdicts.map((each) => (each.order === null ? each : { ...each, order: (order += 1) }));
}

function recorded(event: InboundEvent): object {
  return withoutPerson(event);
}
