import { createHash } from 'node:crypto';
import { id8 } from '#domain/naming';
import type { Release } from '../../source.js';
import type { StaticConfig } from './config.dto.js';

type Owner = Pick<Release, 'workloadId' | 'workloadName'>;

/** Row of `extra_json`: `<workloadId>:site`. */
export const ROLE = 'site';

export function containerName(release: Owner & Pick<Release, 'deploymentId'>): string {
  return `${stem(release)}-${id8(release.deploymentId)}`;
}

export function volumeName(owner: Owner): string {
  return `${stem(owner)}-data`;
}

/** `dw-site-<name>-<id8>:<sha12>-<config8>`: the same for what would be built the same. */
export function imageName(release: Release<StaticConfig>, baseImage: string): string {
  return `${stem(release)}:${(release.artifact.sha ?? '').slice(0, 12)}-${configHash(release, baseImage)}`;
}

function stem({ workloadName, workloadId }: Owner): string {
  return `dw-site-${workloadName}-${id8(workloadId)}`;
}

/** Raised when the same files would become another image. */
const BUILDER = 1;

function configHash({ artifact: { repository }, config }: Release<StaticConfig>, baseImage: string): string {
  const { folderPath, mode, entry, renderMarkdown, spaFallback } = config;
  const made = [BUILDER, repository, baseImage, folderPath, mode, entry, renderMarkdown, spaFallback];
  return createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 8);
}
