import 'reflect-metadata';
import { expect, it } from 'vitest';
import { MOMENTS, POINTS } from '../../../../apps/deploy-worker/src/failpoint.js';
import { FAULTS } from '../../../fault/faults.js';
import { sequence } from '../../../fault/sequence.js';
import { optionalSteps, stepNames } from '../../../fault/families/points.js';

const namesOf = (seed: number, runs: number) =>
  sequence(FAULTS, { seed, runs })
    .flat()
    .map(({ number, fault, seed: own }) => `${number} ${fault.name} ${own}`);

it('is the same for the same seed, and another for another', () => {
  expect(namesOf(7, 200)).toEqual(namesOf(7, 200));
  expect(namesOf(7, 200)).not.toEqual(namesOf(8, 200));
});

it('kills a worker before and after every step among the sixty of a test run', () => {
  const dealt = namesOf(1, 60).join('\n');
  for (const step of [...stepNames(), ...optionalSteps()])
    for (const moment of ['before', 'after']) expect(dealt).toContain(`worker killed ${moment} ${step} `);
});

it('kills a worker around every other point of its work', () => {
  const names = FAULTS.map(({ name }) => name);
  for (const point of POINTS) for (const moment of MOMENTS) expect(names).toContain(`worker killed ${moment} ${point}`);
});

it('names each fault once, with the rows it stands for', () => {
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  expect(FAULTS.filter(({ rows }) => rows.length === 0)).toEqual([]);
});
