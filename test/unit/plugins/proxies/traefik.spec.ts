import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { traefik } from '#plugins/proxies/traefik/traefik';
import type { PortGroup, ProxyFiles, Route } from '#plugins/source';
import { proxyIo } from '../../../support/proxy-io.js';

const ID = '01900000-0000-7000-8000-000000000001';
const FILE = `tinyforge-${ID}.yml`;
const secret = { secretId: 's', version: 1, fingerprint: 'f' };
const group = (more: Partial<PortGroup> = {}): PortGroup => ({ total: 1, first: 0, count: 1, file: null, ...more });
const route = (more: Partial<Route> = {}): Route => {
  return { workloadId: ID, host: 'a.example.org', path: '/', groups: [group()], file: '7-20001', ...more };
};
const io = proxyIo({ reveal: () => '$2b$10$hash' });
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a configuration is looked at field by field
const render = (...routes: readonly Route[]): any =>
  parse((traefik.render(routes, io) as Record<string, string>)[FILE]!);
const urls = (doc: ReturnType<typeof render>, index = 0) =>
  doc.http.services[`${ID}-${index}`].loadBalancer.servers.map(({ url }: { url: string }) => url);

describe('a workload', () => {
  it('is rendered so', () => {
    const access = { ranges: ['10.0.0.0/8'], login: { user: 'ann', password: secret } };
    const routes = [
      route({ path: '/api', tls: { mode: 'auto' }, groups: [group({ access })] }),
      route({ host: 'b.example.org' }),
    ];
    expect(render(...routes)).toEqual({
      http: {
        routers: {
          [`${ID}-0`]: {
            rule: 'Host(`a.example.org`) && (Path(`/api`) || PathPrefix(`/api/`))',
            priority: 1004,
            service: `${ID}-0`,
            entryPoints: ['websecure'],
            middlewares: [`${ID}-0-from`, `${ID}-0-login`],
            tls: { certResolver: 'tinyforge' },
          },
          [`${ID}-0-https`]: {
            rule: 'Host(`a.example.org`) && (Path(`/api`) || PathPrefix(`/api/`))',
            priority: 1004,
            service: 'noop@internal',
            entryPoints: ['web'],
            middlewares: [`${ID}-0-https`],
          },
          [`${ID}-1`]: { rule: 'Host(`b.example.org`)', priority: 1001, service: `${ID}-1`, entryPoints: ['web'] },
        },
        services: {
          [`${ID}-0`]: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:20001' }] } },
          [`${ID}-1`]: { loadBalancer: { servers: [{ url: 'http://127.0.0.1:20001' }] } },
        },
        middlewares: {
          [`${ID}-0-from`]: { ipAllowList: { sourceRange: ['10.0.0.0/8'] } },
          [`${ID}-0-login`]: { basicAuth: { users: ['ann:$2y$10$hash'], realm: 'restricted' } },
          [`${ID}-0-https`]: { redirectScheme: { scheme: 'https', permanent: true, port: '8743' } },
        },
      },
    });
  });

  it('brings its certificate along, and has no empty section', () => {
    const custom = { mode: 'custom', chain: 'CHAIN', key: secret } as const;
    const doc = render(route({ tls: custom }), route({ tls: custom, path: '/x' }));
    expect(doc.tls).toEqual({ certificates: [{ certFile: 'CHAIN', keyFile: '$2b$10$hash' }] });
    expect(Object.keys(render(route()).http)).toEqual(['routers', 'services']);
    expect(render(route({ host: 'a`b' }))).toEqual({});
  });

  it('dials what its route file says, and nothing before the first', () => {
    const groups = [
      group({ total: 2, file: '7-20001-20002' }),
      group({ total: 2, first: 1 }),
      group({ total: 3, count: 3 }),
    ];
    expect(urls(render(route({ groups, file: '7-20001-20002' })))).toEqual(['http://127.0.0.1:20001']);
    expect(urls(render(route({ groups, file: '8-20003-20004' })))).toEqual(['http://127.0.0.1:20004']);
    expect(urls(render(route({ groups, file: '9-1-2-3' })))).toHaveLength(3);
    expect(urls(render(route({ groups, file: '9-1' })))).toEqual([]);
    expect(urls(render(route({ groups, file: null })))).toEqual([]);
  });

  it('lets nobody in whose password cannot be opened', () => {
    const access = { ranges: null, login: { user: 'ann', password: secret } };
    const text = JSON.stringify(traefik.render([route({ groups: [group({ access })] })], proxyIo()));
    expect(text).toContain('ann:*');
  });

  it('names middlewares and services that are there, whatever its faces', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('a`) || PathPrefix(`/', '{x}', 'a.org'),
    );
    const face = fc.record({
      host: text,
      path: text.map((rest) => `/${rest}`),
      tls: fc.constantFrom(undefined, { mode: 'auto' as const }),
    });
    fc.assert(
      fc.property(fc.array(face, { maxLength: 4 }), (faces) => {
        const doc = faces.length === 0 ? {} : render(...faces.map(route));
        for (const { rule, service, middlewares = [] } of Object.values<Router>(doc.http?.routers ?? {})) {
          // Each value stands between two back quotes, and holds none.
          expect(rule).toMatch(/^Host\(`[^`]*`\)( && \(Path\(`[^`]*`\) \|\| PathPrefix\(`[^`]*`\)\))?$/);
          if (service !== 'noop@internal') expect(doc.http.services).toHaveProperty([service]);
          for (const name of middlewares) expect(doc.http.middlewares).toHaveProperty([name]);
        }
      }),
    );
  });
});

interface Router {
  readonly rule: string;
  readonly service: string;
  readonly middlewares?: readonly string[];
}

describe('the directory', () => {
  it('gets a file where it differs, loses what is nobody’s, and keeps what is not ours', async () => {
    const { files, writes, content } = memory({ 'own.yml': 'x', 'tinyforge-gone.yml': 'x' });
    const at = { ...io, files };
    expect(await traefik.apply(traefik.render([route()], at), at)).toBe(true);
    expect([...content.keys()].sort()).toEqual(['own.yml', FILE].sort());
    expect(await traefik.apply(traefik.render([route()], at), at)).toBe(false);
    expect(await traefik.apply(traefik.render([route({ file: '8-20002' })], at), at)).toBe(true);
    expect(writes).toEqual([FILE, FILE]);
  });
});

function memory(initial: Readonly<Record<string, string>>) {
  const content = new Map(Object.entries(initial));
  const writes: string[] = [];
  const files: ProxyFiles = {
    list: async () => [...content.keys()],
    read: async (name) => content.get(name)!,
    write: async (name, text) => {
      writes.push(name);
      content.set(name, text);
    },
    remove: async (name) => void content.delete(name),
  };
  return { files, writes, content };
}
