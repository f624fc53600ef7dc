import { ApiProperty } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { Deployment } from '#store/views/deployment.entity';
import type { Workload } from '#store/views/workload.entity';

export class ContainerAnswer {
  @ApiProperty({ example: '0198…:web-1', description: '`<workloadId>:<role>`' }) id: string;
  @ApiProperty({ format: 'uuid' }) workloadId: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) deploymentId: string | null;
  @ApiProperty({ example: 'web-1' }) role: string;
  @ApiProperty({ type: String, nullable: true, description: "Docker's id; null = it is not there, or not yet" })
  containerId: string | null;
  @ApiProperty({ type: String, nullable: true, description: "Docker's name" }) name: string | null;
  @ApiProperty({ type: String, nullable: true }) proxyRouteId: string | null;
  @ApiProperty({ type: String, nullable: true }) subdomain: string | null;
  @ApiProperty({ enum: ['running', 'stopped', 'degraded', 'missing'] }) state: string;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Loopback port on the host' }) port: number | null;
  @ApiProperty({ type: String, nullable: true, example: 'ghcr.io/acme/shop@sha256:…' }) imageRef: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) extraJson: Record<string, unknown>;
}

/** As the `create` step recorded them. */
interface ContainerFact {
  readonly instance: number;
  readonly name: string;
  readonly containerId: string;
  /** Container port → host port. */
  readonly ports: Readonly<Record<number, number>>;
  readonly role?: string;
  readonly image?: string;
}

/** Those of the current deployment, and what a source has to say of one that is not there: why it never came. */
export async function containersOf(reads: DataSource, workload: Workload): Promise<ContainerAnswer[]> {
  const current = await currentOf(reads, workload);
  const memos: { key: string; extra_json: Record<string, unknown> }[] = await reads.query(
    'select key, extra_json from state.memo where workload_id = $1',
    [workload.id],
  );
  const extra = new Map(memos.map((memo) => [memo.key, memo.extra_json]));
  const facts = (current?.facts['containers'] as readonly ContainerFact[] | undefined) ?? [];
  const present = facts.map((fact) => containerAnswer(fact, { workload, current: current!, extra }));
  const absent = memos.filter(({ key }) => present.every(({ role }) => role !== key));
  return [...present, ...absent.map(({ key, extra_json: extraJson }) => absentAnswer(workload, key, extraJson))];
}

async function currentOf(reads: DataSource, { currentDeploymentId: id }: Workload): Promise<Deployment | null> {
  if (id === null) return null;
  return await reads
    .getRepository(Deployment)
    .createQueryBuilder('deployment')
    .addSelect('deployment.facts')
    .where('deployment.id = :id', { id })
    .getOne();
}

function absentAnswer(workload: Workload, role: string, extraJson: Record<string, unknown>): ContainerAnswer {
  const nothing = { deploymentId: null, containerId: null, name: null, proxyRouteId: null, subdomain: null };
  const id = `${workload.id}:${role}`;
  return { id, workloadId: workload.id, role, ...nothing, state: 'missing', port: null, imageRef: null, extraJson };
}

interface Surroundings {
  readonly workload: Workload;
  readonly current: Deployment;
  readonly extra: ReadonlyMap<string, Record<string, unknown>>;
}

function containerAnswer(
  { instance, name, containerId, ports, role = `web-${instance}`, image }: ContainerFact,
  { workload, current, extra }: Surroundings,
): ContainerAnswer {
  const { repository, digest, tag, sha } = current.release.artifact;
  const face = current.release.faces[0];
  const wanted = face?.port ?? (current.release.config['port'] as number | null | undefined) ?? 0;
  return {
    id: `${workload.id}:${role}`,
    workloadId: workload.id,
    deploymentId: current.id,
    role,
    containerId,
    name,
    proxyRouteId: face === undefined ? null : workload.id,
    subdomain: face?.host.split('.')[0] ?? null,
    state: workload.state === 'stopped' || workload.state === 'degraded' ? workload.state : 'running',
    port: ports[wanted] ?? Object.values(ports)[0] ?? null,
    imageRef: image ?? (digest === null ? `${repository}:${tag ?? sha ?? 'latest'}` : `${repository}@${digest}`),
    extraJson: extra.get(role) ?? {},
  };
}
