import type { RouteLayout } from '../routing/port-groups.js';
import type { Step } from '../source.js';
import { routePortsOf } from './container-facts.js';

/** The commit step. Without faces it marks the route file all the same: that is the evidence of the switch. */
export function routeStep(layout: RouteLayout): Step {
  return {
    name: 'route',
    commit: true,
    async run(io, facts) {
      const ports = routePortsOf(facts);
      // Switched before, but not recorded: ports are ours alone until the containers are gone.
      if (ports.length > 0 && (await io.route.current())?.join() === ports.join()) return {};
      if (ports.length > 0) await io.route.ready(layout.faces, layout.total);
      await io.route.switchTo(ports);
      return {};
    },
  };
}

/** Nothing serves afterwards: the proxy answers 503. */
export function unrouteStep(): Step {
  return {
    name: 'unroute',
    async run(io) {
      const ports = await io.route.current();
      if (ports !== null && ports.length > 0) await io.route.switchTo([]);
      return {};
    },
  };
}
