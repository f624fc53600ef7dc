import { Body, Controller, Get, Inject, Post, Query } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { releaseOf } from '#domain/release';
import { checkConfig } from '#plugins/config';
import type { Wish } from '#plugins/inbound';
import type { Release, Source } from '#plugins/source';
import { requestDeployment } from '#store/request-deployment';
import type { Store } from '#store/store';
import { Deployment } from '#store/views/deployment.entity';
import { ArtifactView, type Workload } from '#store/views/workload.entity';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { DeploymentDetail } from '../deployments/deployment.dto.js';
import { readDeployment } from '../deployments/read-deployment.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { requirePresent } from './check-workload.js';
import { findWorkload } from './find-workload.js';
import { ResolveArtifact } from './resolve-artifact.js';

/** Nothing named = the newest tracked. */
class WishInput {
  @ApiPropertyOptional({ type: String, example: '1.4.2' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, { message: 'must be a tag: letters, digits, _ . -' })
  tag?: string;

  @ApiPropertyOptional({ type: String, example: 'sha256:…' })
  @IsOptional()
  @Matches(/^sha256:[0-9a-f]{64}$/, { message: 'must be sha256: and 64 hexadecimal digits' })
  digest?: string;

  @ApiPropertyOptional({ type: String, example: 'refs/heads/main' })
  @IsOptional()
  @Matches(/^(?!-)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}$/, { message: 'must be a branch, a tag or a full ref' })
  ref?: string;

  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @Matches(/^[0-9a-f]{40}([0-9a-f]{24})?$/, { message: 'must be a whole commit id in lower-case hex' })
  sha?: string;
}

export class DeployInput extends WishInput {
  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Also when nothing changed' })
  @IsOptional()
  @IsBoolean()
  force?: boolean;

  @ApiPropertyOptional({ type: String, maxLength: 500, description: 'For the history' })
  @IsOptional()
  @IsString()
  @MaxLength(500)
  reason?: string;
}

export class PlanQuery extends WishInput {
  @ApiPropertyOptional({ type: Boolean })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  force?: boolean;
}

class DowntimeAnswer {
  @ApiProperty({ enum: ['none', 'routed-only', 'recreate'] }) class: string;
  @ApiProperty({ type: [String] }) reasons: readonly string[];
}

export class PlanAnswer {
  @ApiProperty({ type: ArtifactView }) artifact: ArtifactView;
  @ApiProperty({ type: [String], example: ['pull', 'create', 'start', 'wait-healthy', 'route', 'drain', 'retire'] })
  steps: string[];
  @ApiProperty({ type: DowntimeAnswer }) downtime: DowntimeAnswer;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'With all defaults' }) config: object;
}

@Controller('workloads/:id')
export class DeployController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    private readonly artifacts: ResolveArtifact,
  ) {}

  @Post('deploy')
  @Needs('deployer', 'workload')
  @Answers(202, DeploymentDetail, 'Resolves what to deploy and asks for it; a waiting deployment gives way')
  async deploy(@Who() who: Identity, @Id() id: string, @Body() body: DeployInput): Promise<DeploymentDetail> {
    const row = await findWorkload(this.reads, who, id);
    requirePresent(row);
    const { artifact } = await this.artifacts.resolve(row, wishOf(body));
    const { name: workloadName, sourceKind, node } = row;
    const origin = { reason: 'manual' as const, note: body.reason ?? null, bindingId: null, deliveryId: null };
    const request = {
      id: uuid(),
      workloadId: id,
      workloadName,
      sourceKind,
      node,
      ...origin,
      release: releaseOf(row, artifact),
    };
    await requestDeployment(this.store, request, causeOf(who));
    return readDeployment({ store: this.store, reads: this.reads }, who, request.id);
  }

  @Get('plan')
  @Needs('viewer', 'workload')
  @Answers(200, PlanAnswer, 'What a deploy would do; changes nothing')
  async plan(@Who() who: Identity, @Id() id: string, @Query() query: PlanQuery): Promise<PlanAnswer> {
    const row = await findWorkload(this.reads, who, id);
    const { source, artifact, config } = await this.artifacts.resolve(row, wishOf(query));
    // The steps do not depend on the values of variables: secrets stay where they are.
    const identity = { workloadId: id, workloadName: row.name, env: {} };
    const release: Release = {
      ...identity,
      deploymentId: uuid(),
      artifact,
      config,
      faces: row.faces,
      volumes: row.volumes,
    };
    const { steps, downtime } = source.plan(release, await this.#previous(row, source));
    return { artifact, steps: steps.map(({ name }) => name), downtime, config };
  }

  async #previous({ id, name, currentDeploymentId }: Workload, source: Source): Promise<Release | null> {
    if (currentDeploymentId === null) return null;
    const current = await this.reads.getRepository(Deployment).findOneBy({ id: currentDeploymentId });
    if (current === null) return null;
    const { artifact, faces } = current.release;
    const config = checkConfig(source.config, current.release.config).value;
    return { workloadId: id, workloadName: name, deploymentId: currentDeploymentId, artifact, config, faces, env: {} };
  }
}

function wishOf({ tag, digest, ref, sha, force }: WishInput & { force?: boolean }): Wish {
  const hasImage = tag !== undefined || digest !== undefined;
  const hasGit = ref !== undefined || sha !== undefined;
  return {
    ...(hasImage && { image: { tag, digest } }),
    ...(hasGit && { git: gitWish(ref, sha) }),
    ...(force && { force }),
  };
}

/** A short name is a branch; `refs/tags/…` is a tag. */
function gitWish(ref: string | undefined, sha: string | undefined): Wish['git'] {
  const tag = /^refs\/tags\/(.+)$/.exec(ref ?? '')?.[1];
  const branch = tag === undefined ? ref?.replace(/^refs\/heads\//, '') : undefined;
  return { ref, sha, tag, branch };
}
