import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Moment } from '../../../apps/deploy-worker/src/failpoint.js';
import { until } from '../until.js';

export type Action = 'kill' | 'stop' | 'throw' | 'delay';

export interface Trap {
  /** The pid of the worker that it befell. */
  sprung(): Promise<number>;
}

/** Strikes workers at a point of their work, each trap once. */
export class Failpoints {
  #count = 0;

  constructor(private readonly folder: string) {
    mkdirSync(folder);
  }

  get setting(): string {
    return `@${this.folder}`;
  }

  /** `subject`: a workload's or delivery's id, or `*`. */
  set(subject: string, at: { readonly point: string; readonly moment: Moment; readonly action: Action }): Trap {
    const name = `${subject}!${at.point}!${at.moment}!${at.action}!${(this.#count += 1)}`;
    writeFileSync(join(this.folder, name), '');
    const taken = () => readdirSync(this.folder).find((found) => found.endsWith(name) && found.startsWith('taken-'));
    return {
      sprung: () =>
        until(async () => Number(/^taken-(\d+)!/.exec(taken() ?? '')?.[1] ?? NaN) || null, `the trap ${name}`),
    };
  }

  /** What nobody stepped into is no danger to the next fault. */
  clear(): void {
    for (const name of readdirSync(this.folder)) rmSync(join(this.folder, name), { force: true });
  }
}
