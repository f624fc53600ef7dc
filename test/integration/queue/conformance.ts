import { describe } from 'vitest';
import { closingConformance } from './conformance-closing.js';
import { jobConformance } from './conformance-jobs.js';
import { outageConformance } from './conformance-outages.js';
import { queueFixture, type BackendUnderTest } from './fixture.js';

/** What every backend of the queue has to do. */
export function queueConformance(name: string, start: () => Promise<BackendUnderTest>): void {
  describe(`the queue on ${name}`, () => {
    const fixture = queueFixture(start);
    jobConformance(fixture);
    closingConformance(fixture);
    outageConformance(fixture);
  });
}
