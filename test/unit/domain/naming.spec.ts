import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerName, id8 } from '#domain/naming';
import { DEPLOYMENT, WORKLOAD } from './samples.js';

describe('the short id', () => {
  it('is the last 8 hex digits: the first 8 of a UUIDv7 are a clock', () => {
    expect(id8(WORKLOAD)).toBe('00000a01');
  });

  it('differs for two ids of the same minute', () => {
    expect(id8('0198c0de-0000-7000-8000-000000000a01')).not.toBe(id8('0198c0de-0000-7000-8000-000000000a02'));
  });
});

describe('a container name', () => {
  it('says whose it is, of which deployment, and which instance', () => {
    expect(containerName({ name: 'shop', id: WORKLOAD }, DEPLOYMENT, 0)).toBe('tf-shop-00000a01-00000e01-0');
  });

  it('is one that Docker takes, and gives its parts back', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(
        label,
        fc.uuid({ version: 7 }),
        fc.uuid({ version: 7 }),
        fc.nat(99),
        (name, workloadId, deploymentId, instance) => {
          const made = containerName({ name, id: workloadId }, deploymentId, instance);
          expect(made).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
          expect(made).toBe(`tf-${name}-${workloadId.slice(-8)}-${deploymentId.slice(-8)}-${instance}`);
        },
      ),
    );
  });
});
