import type { Facts } from '../source.js';

/** One instance of a deployment, as the `create` step recorded it. */
export interface ContainerFact {
  /** From 1. */
  readonly instance: number;
  readonly name: string;
  readonly containerId: string;
  /** Container port → host port on loopback. */
  readonly ports: Readonly<Record<number, number>>;
  /** What it is called over the API; left out: `web-<instance>`. */
  readonly role?: string;
  /** Of a source with several: which of them it is. */
  readonly service?: string;
  /** What it runs, where it is not the artifact. */
  readonly image?: string;
  /** Another container of this name and these labels does as well: it is the source's tool that makes them. */
  readonly byName?: true;
  /** It did what it had to and ended; nobody starts it again. */
  readonly hasEnded?: true;
}

/** By instance; none before `create` has completed. */
export function containersOf(facts: Facts): readonly ContainerFact[] {
  return (facts['containers'] as readonly ContainerFact[] | undefined) ?? [];
}

/** The ports of the route file after the switch, which is also how a switch that was not recorded is recognised. */
export function routePortsOf(facts: Facts): readonly number[] {
  return (facts['routePorts'] as readonly number[] | undefined) ?? [];
}
