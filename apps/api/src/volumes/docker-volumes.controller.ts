import { Controller, Delete, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiParam, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Rejection } from '#domain/errors';
import { VOLUME_SCOPES, type VolumeScope } from '#domain/volume';
import { volumeId, volumeRemoval } from '#domain/volume-removal';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { findVolumes, type KnownVolume } from '#store/volumes';
import { causeOf, notFound, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { AnswersPage, cut, PageQuery, readCursor, type Page } from '../http/page.js';

export class VolumeRemovalAnswer {
  @ApiProperty({ enum: ['asked', 'refused'] }) status: 'asked' | 'refused';
  @ApiProperty({ type: String, nullable: true, example: 'volume-foreign' }) code: string | null;
  @ApiProperty({ type: String, nullable: true }) message: string | null;
  @ApiProperty({ type: String, format: 'date-time' }) at: string;
}

export class DockerVolumeAnswer {
  @ApiProperty({ example: 'tf-1f0c9a2b-data' }) name: string;
  @ApiProperty({ example: 'default' }) node: string;
  @ApiProperty({ enum: VOLUME_SCOPES }) scope: VolumeScope;
  @ApiProperty({ format: 'uuid', description: 'The workload that named it first; it may be gone' }) workloadId: string;
  @ApiProperty({ example: 'shop' }) workloadName: string;
  @ApiProperty({
    type: [String],
    description: 'Workloads that have it among their volumes, in a kept release or in a deployment under way',
  })
  usedBy: readonly string[];

  @ApiProperty({ type: VolumeRemovalAnswer, nullable: true, description: 'asked: a worker of the node removes it' })
  removal: VolumeRemovalAnswer | null;
}

export class NodeQuery {
  @ApiPropertyOptional({ type: String, description: 'Where several nodes have a volume of this name' })
  @IsOptional()
  @IsString()
  @MaxLength(63)
  node?: string;
}

/** The api reaches no engine: these are the Docker volumes that deployments named. */
@Controller('volumes')
export class DockerVolumesController {
  constructor(@Inject(STORE) private readonly store: Store) {}

  @Get()
  @Needs('viewer')
  @AnswersPage(DockerVolumeAnswer, 'Docker volumes of workloads, those of deleted ones too, by name')
  async list(@Query() { limit, cursor }: PageQuery): Promise<Page<DockerVolumeAnswer>> {
    const after = readCursor(cursor, PLACE)?.split('@') as [string, string] | undefined;
    return cut(await findVolumes(this.store.pool, { after: after ?? null, limit: limit + 1 }), limit, volumeId);
  }

  @Delete(':name')
  @Needs('admin')
  @ApiParam({ name: 'name', example: 'tf-1f0c9a2b-data' })
  @Answers(202, DockerVolumeAnswer, 'Removes a volume with its data, once no workload and no kept release has it')
  async remove(
    @Who() who: Identity,
    @Param('name') name: string,
    @Query() query: NodeQuery,
  ): Promise<DockerVolumeAnswer> {
    const found = await this.#find(name, query.node);
    const { node, workloadId, usedBy } = found;
    const command = { type: 'RequestVolumeRemoval', node, name, workloadId, usedBy } as const;
    const { events } = await this.store.commit([on(volumeRemoval, volumeId({ node, name }), command)], causeOf(who));
    // Not read again: by now it may be gone.
    const at = events[0]?.occurredAt;
    return at === undefined ? found : { ...found, removal: { status: 'asked', code: null, message: null, at } };
  }

  async #find(name: string, node: string | undefined): Promise<KnownVolume> {
    const [found, second] = await findVolumes(this.store.pool, { name, ...(node && { node }), limit: 2 });
    if (found === undefined) throw notFound('volume');
    if (second === undefined) return found;
    const text = `Several nodes have a volume ${name}. Say which one: ?node=${found.node}, ?node=${second.node}.`;
    throw new Rejection('several-nodes', text);
  }
}

/** What {@link volumeId} makes. */
const PLACE = /^[A-Za-z0-9][\w.-]{0,254}@[\w.-]{1,63}$/;
