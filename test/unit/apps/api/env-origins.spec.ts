import { expect, it } from 'vitest';
import { originsOf, type EnvOrigin } from '../../../../apps/api/src/workloads/env-origins.js';

const WORKLOAD: EnvOrigin = { origin: 'workload', shadows: null };
const IMAGE: EnvOrigin = { origin: 'image', shadows: null };
const OVER_IMAGE: EnvOrigin = { origin: 'workload', shadows: 'image' };

/** The whole precedence: image < workload. Nothing else sets a variable. */
it.each<[readonly string[], readonly string[], Record<string, EnvOrigin>]>([
  // the image's, the workload's → what the container has
  [[], [], {}],
  [['PATH'], [], { PATH: IMAGE }],
  [[], ['MODE'], { MODE: WORKLOAD }],
  [['PATH'], ['MODE'], { PATH: IMAGE, MODE: WORKLOAD }],
  [['PATH', 'MODE'], ['MODE'], { PATH: IMAGE, MODE: OVER_IMAGE }],
  [['MODE'], ['MODE'], { MODE: OVER_IMAGE }],
])('image %j, workload %j', (image, own, origins) => {
  const env = Object.fromEntries(own.map((key) => [key, { value: 'x', optional: false }]));
  expect(originsOf(env, image)).toEqual(origins);
});
