import { describe, expect, it } from 'vitest';
import { projectName, sanitise } from '#plugins/sources/compose/project-name';

const workload = { id: '01980000-0000-7000-8000-0000deadbeef', name: 'shop' };

describe('the name of a Compose project', () => {
  it.each([
    ['shop', 'shop'],
    ['My Shop', 'my-shop'],
    ['shop_1-a', 'shop_1-a'],
    ['--shop--', 'shop'],
    ['_shop', 'shop'],
    ['Ünïcode Café', 'unicode-cafe'],
    ['a/../b', 'a-b'],
    ['$(id)`x`;rm', 'id-x-rm'],
    ['a\nb\tc', 'a-b-c'],
    ['магазин', ''],
    ['日本 shop', 'shop'],
    ['1.2.3', '1-2-3'],
    ['x'.repeat(200), 'x'.repeat(63)],
    [`${'x'.repeat(62)}-y`, 'x'.repeat(62)],
  ])('%j becomes %j', (asked, name) => {
    expect(sanitise(asked)).toBe(name);
    expect(name).toMatch(/^([a-z0-9][a-z0-9_-]*)?$/);
  });

  it('is the workload’s own where nothing is asked for, and where nothing is left of it', () => {
    expect(projectName(null, workload)).toBe('shop-deadbeef');
    expect(projectName('магазин', workload)).toBe('shop-deadbeef');
    expect(projectName('Web Shop', workload)).toBe('web-shop');
  });
});
