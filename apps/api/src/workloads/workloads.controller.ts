import { Body, Controller, Delete, Get, Inject, Patch, Post, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { binding } from '#domain/binding';
import type { Face } from '#domain/face';
import { normaliseVolumes, requireAllowed } from '#domain/volume';
import { DEFAULT_POLICY, workload } from '#domain/workload';
import type { Config } from '#runtime/config';
import { on, onNew, type Operation } from '#store/operation';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { CLOCK, CONFIG, PLUGINS, READS, SECRETS, STORE, type Plugins } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { AnswersPage, pageOf, type Page } from '../http/page.js';
import { requireNode } from '../nodes/require-node.js';
import { readSettings } from '../records/read-settings.js';
import { claimOf, namingClaimOwner, requireAdminFields } from './claim.js';
import { checkSource, requireSource, sealSource } from './check-workload.js';
import { sealEnv } from './env.js';
import { followDomain, sealFaces, type SealedFaces } from './faces.js';
import type { FaceInput } from './face.dto.js';
import { findWorkload, visibleWorkloads, workloadAnswer, workloadAnswers } from './find-workload.js';
import { namingHostOwner } from './host-owner.js';
import { parentStands, requireParent, standsAlone } from './parent.js';
import { workloadAt } from './workload-at.js';
import { ChangeWorkload, CreateWorkload, PastQuery, WorkloadAnswer, WorkloadsQuery } from './workload.dto.js';

@Controller('workloads')
export class WorkloadsController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
    @Inject(PLUGINS) private readonly plugins: Plugins,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: () => Date,
  ) {}

  @Post()
  @Needs('editor')
  @Answers(201, WorkloadAnswer, 'Makes a workload; nothing is deployed yet')
  async create(@Who() who: Identity, @Body() body: CreateWorkload): Promise<WorkloadAnswer> {
    const { name, sourceKind, env: variables = {}, volumes = [] } = body;
    const { parentId = null, node = this.config.node } = body;
    const source = requireSource(this.plugins, sourceKind);
    const { faces, statements: faceSecrets } = await this.#seal(body.faces ?? [], []);
    const { secrets } = this;
    const sealed = sealSource(source, body.sourceConfig, { before: null, secrets, faces });
    requireAdminFields(source, body.sourceConfig, { before: null, who });
    await requireNode(this.reads, node, this.config.node);
    const id = uuid();
    const { claim } = claimOf(source, sealed.config, { id, name });
    if (parentId !== null) await requireParent(this.reads, who, { id, parentId });
    const { env, statements } = sealEnv(variables, {}, this.secrets);
    const settings = {
      title: body.title ?? null,
      stage: body.stage ?? null,
      sourceConfig: sealed.config,
      parentId,
      policy: { ...DEFAULT_POLICY, ...given(body.policy) },
      ...(claim !== undefined && { claim }),
    };
    const operations: Operation[] = [
      onNew(workload, id, { type: 'CreateWorkload', id, name, sourceKind, node, faces, settings }),
    ];
    if (Object.keys(env).length > 0) operations.push(onNew(workload, id, { type: 'SetEnv', env }));
    if (volumes.length > 0) operations.push(onNew(workload, id, { type: 'SetVolumes', volumes }));
    requireAllowed(normaliseVolumes(volumes), (await readSettings(this.reads)).settings);
    const extra = [
      ...statements,
      ...sealed.statements,
      ...faceSecrets,
      ...parentStands(id, parentId),
      ...followDomain(id, faces),
    ];
    const write = () => this.store.commit(operations, { ...causeOf(who), extra });
    await namingHostOwner(this.reads, faces, () => namingClaimOwner(this.reads, { node, claim }, write));
    return this.#answer(who, id);
  }

  @Get()
  @Needs('viewer', 'workload')
  @AnswersPage(WorkloadAnswer, 'Workloads, newest first')
  async list(@Who() who: Identity, @Query() query: WorkloadsQuery): Promise<Page<WorkloadAnswer>> {
    const rows = visibleWorkloads(this.reads, who);
    const { q, sourceKind, state, parentId } = query;
    if (q !== undefined) {
      const pattern = `%${q.replaceAll(/[\\%_]/g, '\\$&')}%`;
      rows.andWhere('(workload.name ilike :pattern or workload.title ilike :pattern)', { pattern });
    }
    if (sourceKind !== undefined) rows.andWhere('workload.source_kind = :sourceKind', { sourceKind });
    if (state !== undefined) rows.andWhere('workload.state = :state', { state });
    if (parentId !== undefined) rows.andWhere('workload.parent_id = :parentId', { parentId });
    const page = await pageOf(rows, query);
    return { ...page, items: await workloadAnswers(this.reads, this.config, page.items) };
  }

  @Get(':id')
  @Needs('viewer', 'workload')
  @Answers(200, WorkloadAnswer, 'A workload as it is, or as it was at a version or an instant')
  async read(@Who() who: Identity, @Id() id: string, @Query() past: PastQuery): Promise<object> {
    if (past.version === undefined && past.at === undefined) return this.#answer(who, id);
    return workloadAt(this.store, who, id, past);
  }

  @Patch(':id')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(
    200,
    WorkloadAnswer,
    'Changes what is named (JSON Merge Patch; sourceConfig and faces are replaced whole). Faces hold from the next deployment on',
  )
  async change(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: ChangeWorkload,
    @IfMatch() expectedVersion?: number,
  ): Promise<WorkloadAnswer> {
    const before = await findWorkload(this.reads, who, id);
    const { faces, statements } = await this.#seal(body.faces, before.faces);
    const source = requireSource(this.plugins, before.sourceKind);
    const sealing = { before: before.sourceConfig, secrets: this.secrets, faces: faces ?? before.faces };
    const sealed = body.sourceConfig && sealSource(source, body.sourceConfig, sealing);
    if (!sealed && faces) checkSource(source, before.sourceConfig, faces);
    if (body.parentId) await requireParent(this.reads, who, { id, parentId: body.parentId });
    if (sealed) requireAdminFields(source, sealed.config, { before: before.sourceConfig, who });
    const { claim } = claimOf(source, sealed?.config ?? before.sourceConfig, before);
    const { title, stage, parentId } = body;
    const policy = body.policy && { ...before.policy, ...given(body.policy) };
    const command = {
      type: 'ChangeWorkload' as const,
      changes: { title, stage, sourceConfig: sealed?.config, parentId, policy, ...(claim !== undefined && { claim }) },
      faces,
    };
    const operation = { ...on(workload, id, command), expectedVersion };
    const extra = [
      ...statements,
      ...(sealed?.statements ?? []),
      ...parentStands(id, parentId),
      ...followDomain(id, faces ?? []),
    ];
    const write = () => this.store.commit([operation], { ...causeOf(who), extra });
    const { node } = before;
    await namingHostOwner(this.reads, faces ?? [], () => namingClaimOwner(this.reads, { node, claim }, write));
    return this.#answer(who, id);
  }

  @Delete(':id')
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @Answers(202, WorkloadAnswer, 'Removes the bindings and takes everything down; volumes stay')
  async remove(@Who() who: Identity, @Id() id: string, @IfMatch() expectedVersion?: number): Promise<WorkloadAnswer> {
    await findWorkload(this.reads, who, id);
    const children: { name: string }[] = await this.reads.query(
      `select name from view.workload where parent_id = $1 and lifecycle <> 'gone' order by name`,
      [id],
    );
    const bindings: { id: string }[] = await this.reads.query('select id from view.binding where workload_id = $1', [
      id,
    ]);
    const command = { type: 'DeleteWorkload' as const, children: children.map(({ name }) => name) };
    const unbind = bindings.map((row) => on(binding, row.id, { type: 'RemoveBinding' }));
    await this.store.commit([{ ...on(workload, id, command), expectedVersion }, ...unbind], {
      ...causeOf(who),
      extra: [standsAlone(id)],
    });
    return this.#answer(who, id);
  }

  #seal(inputs: readonly FaceInput[], before: readonly Face[]): Promise<SealedFaces>;
  #seal(
    inputs: readonly FaceInput[] | undefined,
    before: readonly Face[],
  ): Promise<Partial<SealedFaces> & { statements: SealedFaces['statements'] }>;
  async #seal(inputs: readonly FaceInput[] | undefined, before: readonly Face[]) {
    if (inputs === undefined) return { statements: [] };
    const { domain } = (await readSettings(this.reads)).settings;
    const { secrets, clock } = this;
    return sealFaces(inputs, { before, domain, secrets, proxy: this.config.proxy.kind, now: clock() });
  }

  async #answer(who: Identity, id: string): Promise<WorkloadAnswer> {
    return workloadAnswer(this.reads, this.config, await findWorkload(this.reads, who, id));
  }
}

/** Without the fields that were left out: spread over others, they would undo them. */
function given<T extends object>(input: T | undefined): T {
  return Object.fromEntries(Object.entries(input ?? {}).filter(([, value]) => value !== undefined)) as T;
}
