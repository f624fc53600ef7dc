import type { HealthOptions } from '../../steps/wait-healthy.js';
import { HealthcheckConfig } from '../../steps/healthcheck-config.dto.js';
import type { ImageConfig } from './config.dto.js';

/** Left out asks `/` where there is a port; without a path it is Docker's to say; null switches it off. */
export function healthOf(config: ImageConfig): HealthOptions {
  const { healthcheck } = config;
  const { intervalSeconds, timeoutSeconds, deadlineSeconds, minHealthySeconds } = {
    ...new HealthcheckConfig(),
    ...healthcheck,
  };
  return { intervalSeconds, timeoutSeconds, deadlineSeconds, minHealthySeconds, rule: ruleOf(config) };
}

/** The port that is probed; null when none is. */
export function healthPort({ port, healthcheck }: ImageConfig): number | null {
  return healthcheck === null ? null : (healthcheck?.port ?? port);
}

function ruleOf(config: ImageConfig): HealthOptions['rule'] {
  const { healthcheck } = config;
  if (healthcheck === null) return { kind: 'off' };
  const path = healthcheck === undefined ? '/' : (healthcheck.path ?? null);
  const port = healthPort(config);
  return path === null || port === null ? { kind: 'docker' } : { kind: 'http', port, path };
}
