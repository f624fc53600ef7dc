import { LABELS } from '#domain/naming';
import type { NodeSnapshot, Observation, Release } from '../../source.js';
import type { ComposeConfig } from './config.dto.js';
import { endsByItself } from './health.js';
import { SERVICE_LABEL } from './placed.js';
import { readFile } from './read-file.js';
import { activeServices, replicasOf } from './services.js';

/** By service: an unchanged one may be of an earlier deployment. */
export function observe({ workloadId, config }: Release<ComposeConfig>, { containers }: NodeSnapshot): Observation {
  const read = readFile(config.yaml);
  if ('problem' in read) return { state: 'degraded', detail: `the Compose file ${read.problem}` };
  const own = containers.filter(({ labels }) => labels[LABELS.workloadId] === workloadId);
  const names = activeServices(read.file);
  const ill = names.flatMap((name) => {
    const of = own.filter(({ labels }) => labels[SERVICE_LABEL] === name);
    const mayEnd = name !== config.routedService && endsByItself(read.file, name);
    const well = of.filter(
      ({ state, health, exitCode }) =>
        (state === 'running' && health !== 'unhealthy') || (mayEnd && state === 'exited' && exitCode === 0),
    );
    const wanted = replicasOf(read.file, name);
    if (well.length >= wanted) return [];
    const found = of.find((each) => !well.includes(each));
    const is = found === undefined ? 'missing' : found.health === 'unhealthy' ? 'unhealthy' : found.state;
    return [{ well: well.length, detail: `${name} is ${is}` }];
  });
  const count = `${names.length - ill.length} of ${names.length} services running`;
  if (ill.length === 0) return { state: 'running', detail: count };
  const isMissing = ill.length === names.length && ill.every(({ well }) => well === 0);
  return { state: isMissing ? 'missing' : 'degraded', detail: [count, ...ill.map(({ detail }) => detail)].join('; ') };
}
