import { Inject, Injectable } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { isSameRelease, releaseOf, type ReleaseRecord } from '#domain/release';
import { checkConfig } from '#plugins/config';
import type { Wish } from '#plugins/inbound';
import type { Release, Source } from '#plugins/source';
import { hostOwner } from '#store/hosts';
import type { Store } from '#store/store';
import { Deployment } from '#store/views/deployment.entity';
import { ArtifactView, type Workload } from '#store/views/workload.entity';
import type { Identity } from '../access/identity.js';
import { READS, STORE } from '../dependencies.js';
import { maskRefs } from '../records/masked.js';
import { requirePresent } from './check-workload.js';
import { findWorkload } from './find-workload.js';
import { ResolveArtifact } from './resolve-artifact.js';

export class DowntimeAnswer {
  @ApiProperty({ enum: ['none', 'routed-only', 'recreate'] }) class: string;
  @ApiProperty({ type: [String], description: 'Why, and what else to know before' }) reasons: readonly string[];
}

export class PlanAnswer {
  @ApiProperty({ type: ArtifactView }) artifact: ArtifactView;
  @ApiProperty({ type: [String], example: ['pull', 'create', 'start', 'wait-healthy', 'route', 'drain', 'retire'] })
  steps: string[];
  @ApiProperty({ type: DowntimeAnswer }) downtime: DowntimeAnswer;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'With all defaults' }) config: object;
}

/** What a wish would do to a workload; stores nothing. */
@Injectable()
export class PlanWorkload {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    private readonly artifacts: ResolveArtifact,
  ) {}

  async plan(who: Identity, id: string, wish: Wish): Promise<PlanAnswer> {
    const row = await findWorkload(this.reads, who, id);
    requirePresent(row);
    const { source, artifact, config } = await this.artifacts.resolve(row, wish);
    const current = await this.#current(row);
    // The steps do not depend on the values of variables: secrets stay where they are.
    const identity = { workloadId: id, workloadName: row.name, env: {} };
    const { faces, volumes } = row;
    const release: Release = { ...identity, deploymentId: uuid(), artifact, config, faces, volumes };
    const { steps, downtime } = source.plan(release, current && before(row, source, current));
    const reasons = [
      ...(await this.#refusal(row)),
      ...standing(row, { source, wanted: releaseOf(row, artifact), current }),
      ...downtime.reasons,
    ];
    return {
      artifact,
      steps: steps.map(({ name }) => name),
      downtime: { ...downtime, reasons },
      config: maskRefs(config),
    };
  }

  async #refusal({ id: workloadId, faces }: Workload): Promise<readonly string[]> {
    const taken = await hostOwner(this.store.pool, { workloadId, faces });
    return taken === null ? [] : [`It will be refused: ${taken.face} is served by workload ${taken.owner}.`];
  }

  async #current({ currentDeploymentId: id }: Workload): Promise<Deployment | null> {
    return id === null ? null : await this.reads.getRepository(Deployment).findOneBy({ id });
  }
}

function before({ id, name }: Workload, source: Source, { id: deploymentId, release }: Deployment): Release {
  const { artifact, faces, volumes } = release;
  const config = checkConfig(source.config, release.config).value;
  return { workloadId: id, workloadName: name, deploymentId, artifact, config, faces, env: {}, volumes };
}

interface Standing {
  readonly source: Source;
  readonly wanted: ReleaseRecord;
  readonly current: Deployment | null;
}

/** What no source knows: whether the workload runs, and whether anything would be new. */
function standing(row: Workload, { source, wanted, current }: Standing): readonly string[] {
  const stopped = `Workload ${row.name} is stopped: nothing serves. A deploy by hand starts it; triggers are skipped until then.`;
  const effect = source.skipsUnchanged
    ? 'A deploy is skipped unless it is forced.'
    : 'A deploy brings up the same once more.';
  const unchanged = `Nothing changed: artifact, config, variables, faces and volumes are those that serve. ${effect}`;
  return [
    ...(row.runState === 'stopped' ? [stopped] : []),
    ...(current !== null && !source.pinsOnNode && isUnchanged(wanted, current.release) ? [unchanged] : []),
  ];
}

/** A local image has neither digest nor commit: another one may be behind its name by now. */
function isUnchanged(wanted: ReleaseRecord, current: ReleaseRecord): boolean {
  const { digest, sha } = wanted.artifact;
  return (digest !== null || sha !== undefined) && isSameRelease(wanted, current);
}
