import { describe, expect, it } from 'vitest';
import { areAmbiguous, layoutKey, layoutOf, routePorts, routesOf } from '#plugins/routing/port-groups';

const face = (host: string, port: number | null = null, path = '/') => ({ host, path, port });
const layout = (faces: ReturnType<typeof face>[], instances = 1, port: number | null = 80) =>
  layoutOf(faces, { port, instances });
const groupsOf = (wanted: Parameters<typeof routesOf>[0], file: string | null = null) => {
  return Object.fromEntries(routesOf(wanted, file).map(({ host, groups }) => [host, groups]));
};

describe('a layout', () => {
  it('fills in the port of the source and counts distinct ports times instances', () => {
    expect(layout([face('b'), face('a', 9090), face('c', 80)], 3)).toEqual({
      faces: [face('a', 9090), face('b', 80), face('c', 80)],
      total: 6,
    });
  });

  it('leaves out a face that nothing can stand behind', () => {
    expect(layout([face('a'), face('b', 90)], 1, null)).toEqual({ faces: [face('b', 90)], total: 1 });
    expect(layout([], 4)).toEqual({ faces: [], total: 0 });
  });

  it('orders the ports of the route file by container port, then instance', () => {
    const containers = [{ ports: { 80: 20_001, 9090: 20_002 } }, { ports: { 80: 20_003, 9090: 20_004 } }];
    expect(routePorts(layout([face('a', 9090), face('b')], 2), containers)).toEqual([20_001, 20_003, 20_002, 20_004]);
  });

  it('refuses to make up a port that no container has', () => {
    expect(() => routePorts(layout([face('a', 81)]), [{ ports: { 80: 20_001 } }])).toThrow('container port 81');
  });

  it('has one key for one meaning', () => {
    const key = layoutKey(layout([face('a'), face('b', 81)]));
    expect(layoutKey(layout([face('b', 81), face('a', 80)]))).toBe(key);
    const others = [
      layout([face('a'), face('b', 81)], 2),
      layout([face('a')]),
      layout([face('a'), face('b', 82)]),
      layout([face('a'), face('b', 81, '/x')]),
    ];
    expect(new Set([key, ...others.map(layoutKey)]).size).toBe(5);
  });
});

describe('the groups of a face', () => {
  it('are where its port begins', () => {
    const serving = layout([face('a', 9090), face('b')], 2);
    expect(groupsOf({ workloadId: 'w', serving, pending: null })).toEqual({
      a: [{ total: 4, first: 2, count: 2, file: null }],
      b: [{ total: 4, first: 0, count: 2, file: null }],
    });
  });

  it('hold the release that serves and the one that comes', () => {
    const serving = layout([face('a'), face('gone')]);
    const pending = layout([face('a'), face('new')], 3);
    expect(groupsOf({ workloadId: 'w', serving, pending })).toEqual({
      a: [
        { total: 1, first: 0, count: 1, file: null },
        { total: 3, first: 0, count: 3, file: null },
      ],
      gone: [{ total: 1, first: 0, count: 1, file: null }],
      new: [{ total: 3, first: 0, count: 3, file: null }],
    });
  });

  it('are one where both releases mean the same', () => {
    const serving = layout([face('a')], 2);
    expect(groupsOf({ workloadId: 'w', serving, pending: layout([face('a')], 2) })).toEqual({
      a: [{ total: 2, first: 0, count: 2, file: null }],
    });
  });

  it('are bound to the file that serves where as many ports would mean something else', () => {
    const wanted = {
      workloadId: 'w',
      serving: layout([face('a', 80), face('b', 81)]),
      pending: layout([face('a', 80), face('c', 80)], 2),
    };
    expect(areAmbiguous(wanted)).toBe(true);
    expect(groupsOf(wanted, '5-20001-20002')).toEqual({
      a: [
        { total: 2, first: 0, count: 1, file: '5-20001-20002' },
        { total: 2, first: 0, count: 2, file: null },
      ],
      b: [{ total: 2, first: 1, count: 1, file: '5-20001-20002' }],
      c: [
        { total: 2, first: 0, count: 0, file: '5-20001-20002' },
        { total: 2, first: 0, count: 2, file: null },
      ],
    });
  });

  it('are bound to the file where the same ports come in another order, or other people may come in', () => {
    const turned = {
      workloadId: 'w',
      serving: layout([face('a', 80), face('b', 81)]),
      pending: layout([face('a', 81), face('b', 80)]),
    };
    expect(areAmbiguous(turned)).toBe(true);
    const shut = layoutOf([{ ...face('a'), exposure: 'internal' }], { port: 80, instances: 1 });
    const opened = { workloadId: 'w', serving: shut, pending: layout([face('a')]) };
    expect(areAmbiguous(opened)).toBe(true);
    expect(groupsOf(opened, '5-20001')['a']).toMatchObject([
      { file: '5-20001', access: { ranges: expect.arrayContaining(['10.0.0.0/8']), login: null } },
      { file: null },
    ]);
    expect(groupsOf(opened, '5-20001')['a']![1]).not.toHaveProperty('access');
    expect(areAmbiguous({ ...opened, pending: layout([face('a')], 2) })).toBe(false);
  });
});

describe('the rules of a face', () => {
  const one = (more: object) => layoutKey(layoutOf([{ ...face('a'), ...more }], { port: 80, instances: 1 }));
  const secret = (version: number) => ({ secretId: 's', version, fingerprint: 'f' });
  const certificate = (version: number) => ({ tls: 'custom', certificate: { chain: 'c', key: secret(version) } });

  it('are part of its key: a worker waits until the proxy has them', () => {
    const plain = layoutKey(layout([face('a')]));
    const keys = [
      one({ exposure: 'internal' }),
      one({ exposure: 'internal', allow: ['10.0.0.0/8'] }),
      one({ basicAuth: { user: 'u', password: secret(1) } }),
      one({ basicAuth: { user: 'u', password: secret(2) } }),
      one({ tls: 'auto' }),
      one(certificate(1)),
      one(certificate(2)),
    ];
    expect(new Set([plain, ...keys]).size).toBe(8);
    expect(one({})).toBe(plain);
    expect(one({ subdomain: 'a' })).toBe(plain);
  });

  it('keep TLS on both sides of a switch where one of them has it', () => {
    const secure = layoutOf([{ ...face('a'), tls: 'auto' }], { port: 80, instances: 1 });
    const tlsOf = (serving: typeof secure, pending: typeof secure) =>
      routesOf({ workloadId: 'w', serving, pending }, null).map(({ tls }) => tls?.mode);
    expect(tlsOf(secure, layout([face('a')]))).toEqual(['auto']);
    expect(tlsOf(layout([face('a')]), secure)).toEqual(['auto']);
    expect(tlsOf(layout([face('a')]), layout([face('a')]))).toEqual([undefined]);
  });
});
