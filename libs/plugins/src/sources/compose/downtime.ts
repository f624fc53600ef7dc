import { cautionsOf } from '../../cautions.js';
import type { Plan, Release } from '../../source.js';
import type { ComposeConfig } from './config.dto.js';
import { projectOf } from './prepare.js';
import { readFile, type ComposeFile } from './read-file.js';
import { activeServices, serviceOf, tiesOf } from './services.js';

/** Which services stand beside themselves, which are made anew, and why. */
export function downtimeOf(release: Release<ComposeConfig>, previous: Release<ComposeConfig> | null): Plan['downtime'] {
  const file = fileOrNull(release)!;
  const { routedService: routed } = release.config;
  if (previous === null) return { class: 'none', reasons: cautionsOf(release, null) };
  const before = fileOrNull(previous);
  const others = activeServices(file).filter((name) => name !== routed);
  const reasons = [...cautionsOf(release, previous)];
  reasons.push(...others.map((name) => reasonOf(name, file, before)));
  if (projectOf(release) !== projectOf(previous))
    reasons.push(
      `The project is ${projectOf(release)} from now on: volumes of ${projectOf(previous)} stay, and are not used.`,
    );
  const gone = before === null ? [] : activeServices(before).filter((name) => !activeServices(file).includes(name));
  reasons.push(...gone.map((name) => `${name} is removed after the switch: the file does not name it any more.`));
  const isChanged = others.some((name) => !isSame(name, file, before));
  if (routed === null) {
    const all = 'No service is routed: what changed is recreated in place.';
    return { class: isChanged ? 'recreate' : 'none', reasons: [all, ...reasons] };
  }
  const ties = tiesOf(file, routed);
  if (ties.length > 0)
    return { class: 'recreate', reasons: [`${routed} is recreated in place: ${ties.join('; ')}.`, ...reasons] };
  const beside = `${routed} comes up beside the one that serves and takes over when it is healthy.`;
  return { class: isChanged ? 'routed-only' : 'none', reasons: [beside, ...reasons] };
}

function reasonOf(name: string, file: ComposeFile, before: ComposeFile | null): string {
  if (isSame(name, file, before)) return `${name} stays as it is, unless its image or variables have changed.`;
  if (before?.services[name] === undefined) return `${name} is new.`;
  return `${name} is recreated in place: its definition has changed.`;
}

function isSame(name: string, file: ComposeFile, before: ComposeFile | null): boolean {
  return before !== null && JSON.stringify(serviceOf(file, name)) === JSON.stringify(serviceOf(before, name));
}

function fileOrNull({ config }: Release<ComposeConfig>): ComposeFile | null {
  const read = readFile(config.yaml);
  return 'file' in read ? read.file : null;
}
