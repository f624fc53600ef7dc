import { collectDefaultMetrics, Registry } from 'prom-client';

/** Made once in a process; counters are added with `registers: [registry]`. Names begin with `tinyforge_`. */
export function createMetrics(app: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  return registry;
}
