import type { Face } from '#domain/face';
import type { ComposeConfig } from './config.dto.js';
import { refusals } from './policy.js';
import { sanitise } from './project-name.js';
import { readFile, type ComposeFile } from './read-file.js';
import { activeServices, replicasOf, serviceOf, tiesOf } from './services.js';
import { renameVariables } from './variables.js';

interface Wrong {
  readonly pointer: string;
  readonly detail: string;
}

const MOST_SHOWN = 20;

/** What can be told before anything is asked of a node: the node looks again, with variables filled in. */
export function check(config: ComposeConfig, faces: readonly Face[]): readonly Wrong[] {
  const read = readFile(config.yaml);
  if ('problem' in read) return [{ pointer: '/yaml', detail: read.problem }];
  const { file } = read;
  const project = sanitise(config.projectName ?? '');
  const refused = refusals(file, new Set(config.permissions), { project, isFinal: false });
  const { broken } = renameVariables(file, new Set());
  return [
    ...refused.slice(0, MOST_SHOWN).map(({ path, detail }) => ({ pointer: '/yaml', detail: `${path} ${detail}` })),
    ...broken
      .slice(0, 1)
      .map((at) => ({ pointer: '/yaml', detail: `holds ${at}, which is no variable: write $$ for $` })),
    ...imageless(file),
    ...routing(config, file, faces),
  ];
}

function imageless(file: ComposeFile): readonly Wrong[] {
  const names = Object.keys(file.services).filter((name) => typeof serviceOf(file, name)['image'] !== 'string');
  return names.map((name) => ({ pointer: '/yaml', detail: `services.${name} names no image` }));
}

function routing(
  { routedService: routed, port }: ComposeConfig,
  file: ComposeFile,
  faces: readonly Face[],
): readonly Wrong[] {
  if (routed === null) {
    return faces.length === 0 ? [] : [{ pointer: '/routedService', detail: 'is required where there is a face' }];
  }
  if (!activeServices(file).includes(routed)) {
    const names = activeServices(file).join(', ');
    return [{ pointer: '/routedService', detail: `must be a service of the file that starts by itself: ${names}` }];
  }
  const found: Wrong[] = [];
  if (port === null && faces.some((face) => face.port === null))
    found.push({ pointer: '/port', detail: 'is required where a face names no port of its own' });
  const replicas = replicasOf(file, routed);
  const ties = tiesOf(file, routed);
  if (replicas < 1) found.push({ pointer: '/yaml', detail: `services.${routed} has no replicas, and it is routed` });
  if (replicas > 1 && ties.length > 0)
    found.push({ pointer: '/yaml', detail: `services.${routed} cannot have ${replicas} replicas: ${ties.join(', ')}` });
  return found;
}
