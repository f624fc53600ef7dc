import { Body, Controller, Get, Inject, Put } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { normaliseVolumes, requireAllowed, type Volume } from '#domain/volume';
import { workload } from '#domain/workload';
import { checkConfig } from '#plugins/config';
import { resolveVolume } from '#plugins/volumes/resolve-volume';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { Answers, TakesIfMatch } from '../http/answers.js';
import { IfMatch } from '../http/etag.js';
import { Id } from '../http/id.js';
import { readSettings } from '../records/read-settings.js';
import { findWorkload } from './find-workload.js';
import { VolumeInput, VolumesAnswer } from './volume.dto.js';

@Controller('workloads/:id/volumes')
export class VolumesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  @Get()
  @Needs('viewer', 'workload')
  @Answers(200, VolumesAnswer, 'The volumes, and where each one is')
  async read(@Who() who: Identity, @Id() id: string): Promise<VolumesAnswer> {
    const row = await findWorkload(this.reads, who, id);
    const { settings } = await readSettings(this.reads);
    const artifact = row.currentArtifact;
    const of = { workloadId: id, workloadName: row.name, base: settings.volumeBase, artifact };
    const items = row.volumes.map((volume) => ({ ...volume, resolved: placeOf(resolveVolume(volume, of)) }));
    return { items, nextCursor: null, version: row.version };
  }

  @Put()
  @Needs('editor', 'workload')
  @TakesIfMatch()
  @ApiBody({ type: [VolumeInput] })
  @Answers(200, VolumesAnswer, 'Replaces all volumes; takes effect with the next deployment, and no data is removed')
  async replace(
    @Who() who: Identity,
    @Id() id: string,
    @Body() body: unknown,
    @IfMatch() expectedVersion?: number,
  ): Promise<VolumesAnswer> {
    await findWorkload(this.reads, who, id);
    const volumes = readVolumes(body);
    const { settings } = await readSettings(this.reads);
    requireAllowed(normaliseVolumes(volumes), settings);
    const operation = { ...on(workload, id, { type: 'SetVolumes', volumes }), expectedVersion };
    await this.store.commit([operation], causeOf(who));
    return this.read(who, id);
  }
}

function placeOf(resolved: ReturnType<typeof resolveVolume>): string | null {
  if (resolved === null || resolved.kind === 'memory') return null;
  return resolved.kind === 'directory' ? resolved.path : resolved.name;
}

function readVolumes(body: unknown): readonly Volume[] {
  if (!Array.isArray(body)) {
    throw new Rejection('invalid-body', 'The body must be a JSON list of volumes.', [
      { pointer: '', detail: 'must be a list' },
    ]);
  }
  const checked = body.map((each, index) => checkConfig(VolumeInput, each, `/volumes/${index}`));
  const errors = checked.flatMap((each) => each.errors);
  if (errors.length > 0) {
    const fields = errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ');
    throw new Rejection('invalid-volume', `The volumes are not valid: ${fields}.`, errors);
  }
  return checked.map(({ value: { scope, source, target, readOnly } }) => ({ scope, source, target, readOnly }));
}
