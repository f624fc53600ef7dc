import type { Release } from '../../source.js';
import type { ContainerFact } from '../../steps/container-facts.js';
import type { HealthRule } from '../../steps/health-check.js';
import { HealthcheckConfig } from '../../steps/healthcheck-config.dto.js';
import type { HealthOptions } from '../../steps/wait-healthy.js';
import type { ComposeConfig } from './config.dto.js';
import type { ComposeFile } from './read-file.js';
import { serviceOf } from './services.js';

/** Of the routed service where a path is named; of all others its HEALTHCHECK, else 10 s; what has to do once may end. */
export function healthOf({ config }: Release<ComposeConfig>, file: ComposeFile): HealthOptions {
  const { intervalSeconds, timeoutSeconds, deadlineSeconds, minHealthySeconds } = {
    ...new HealthcheckConfig(),
    ...config.healthcheck,
  };
  const rest = { intervalSeconds, timeoutSeconds, deadlineSeconds, minHealthySeconds };
  return { ...rest, rule: { kind: 'service', mayEnd: false }, ruleOf: (container) => ruleOf(container, config, file) };
}

function ruleOf({ service = '' }: ContainerFact, config: ComposeConfig, file: ComposeFile): HealthRule {
  if (service !== config.routedService) return { kind: 'service', mayEnd: endsByItself(file, service) };
  const { healthcheck } = config;
  const port = healthcheck?.port ?? config.port;
  if (healthcheck?.path && port !== null) return { kind: 'http', port, path: healthcheck.path };
  return { kind: 'service', mayEnd: false };
}

/** Nothing starts it again: a migration, a job. */
export function endsByItself(file: ComposeFile, service: string): boolean {
  const { restart } = serviceOf(file, service);
  return restart === undefined || restart === null || restart === 'no' || restart === false || restart === 'on-failure';
}
