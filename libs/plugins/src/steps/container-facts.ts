import type { Facts } from '../source.js';

/** One instance of a deployment, as the `create` step recorded it. */
export interface ContainerFact {
  /** From 1. */
  readonly instance: number;
  readonly name: string;
  readonly containerId: string;
  /** Container port → host port on loopback. */
  readonly ports: Readonly<Record<number, number>>;
}

/** By instance; none before `create` has completed. */
export function containersOf(facts: Facts): readonly ContainerFact[] {
  return (facts['containers'] as readonly ContainerFact[] | undefined) ?? [];
}

/** The ports of the route file after the switch, which is also how a switch that was not recorded is recognised. */
export function routePortsOf(facts: Facts): readonly number[] {
  return (facts['routePorts'] as readonly number[] | undefined) ?? [];
}
