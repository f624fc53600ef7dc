import { describe, expect, it } from 'vitest';
import type { ContainerEvent } from '#docker/docker';
import { unique, type Bench } from './docker-bench.js';

/** What an engine says of its containers, unasked. */
export function eventsContract(bench: Bench): void {
  describe('watchContainers', () => {
    it('tells of a container with the label from its start to its end, and of no other', async () => {
      const mark = unique('mark');
      const events: ContainerEvent[] = [];
      const stopping = new AbortController();
      let opened = 0;
      const watching = bench.docker.watchContainers({
        labels: [`mark=${mark}`],
        signal: stopping.signal,
        onOpen: () => (opened += 1),
        onEvent: (event) => events.push(event),
        onLost: (error) => expect.fail(String(error)),
      });
      await expect.poll(() => opened, { timeout: 10_000 }).toBe(1);
      await bench.run();
      const id = await bench.run({ labels: { mark }, image: bench.under.images.exits });
      await bench.ended(id);
      await bench.docker.removeContainer(id);
      await expect.poll(() => events.map(({ action }) => action), { timeout: 10_000 }).toContain('destroy');
      expect(events.map(({ action }) => action)).toEqual(['create', 'start', 'die', 'destroy']);
      expect(new Set(events.map((event) => event.id))).toEqual(new Set([id]));
      expect(events.find(({ action }) => action === 'die')).toMatchObject({ exitCode: 3, labels: { mark } });
      stopping.abort();
      await watching;
    });
  });
}
