import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { patchMemo, readMemo } from '#store/memo';
import { openToyStore, type ToyStore } from './toy.js';

let toy: ToyStore;
beforeEach(async () => {
  toy = await openToyStore();
});
afterEach(() => toy.close());

it('keeps the keys that it is not told of, and drops what is cleared', async () => {
  const { pool } = toy.store;
  const row = { workloadId: randomUUID(), role: 'site' };
  const read = () => readMemo(pool, row.workloadId, row.role);
  expect(await read()).toEqual({});
  await patchMemo(pool, row, { ofALaterRelease: { deep: [1] }, last_error: 'no', status: 'failed' });
  await patchMemo(pool, row, { last_error: null, status: 'synced', last_commit_sha: undefined });
  expect(await read()).toEqual({ ofALaterRelease: { deep: [1] }, status: 'synced' });
  await patchMemo(pool, { ...row, role: 'other' }, { status: 'x' });
  expect(await read()).toMatchObject({ status: 'synced' });
});
