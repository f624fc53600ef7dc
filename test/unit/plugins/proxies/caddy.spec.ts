import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caddy } from '#plugins/proxies/caddy/caddy';
import { merge, withoutOurs } from '#plugins/proxies/caddy/merge';
import type { Route } from '#plugins/source';
import { proxyIo } from '../../../support/proxy-io.js';

const ID = '01900000-0000-7000-8000-000000000001';
const group = { total: 1, first: 0, count: 1, file: null };
const route = (more: Partial<Route> = {}): Route => ({
  workloadId: ID,
  host: 'a.example.org',
  path: '/',
  groups: [group],
  ...more,
});
const secret = { secretId: 'door', version: 1, fingerprint: 'f' };
const render = (...routes: readonly Route[]) => caddy.render(routes, proxyIo({ reveal: () => '$2b$04$hash' })) as Doc;
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a configuration is looked at field by field
type Doc = Record<string, any>;

describe('a plain face', () => {
  it('is rendered so', () => {
    const { routes, listen } = render(route({ path: '/api' })).apps.http.servers.tinyforge;
    expect(listen).toEqual(['127.0.0.1:8780']);
    expect(routes[0]).toEqual({
      match: [{ host: ['a.example.org'], path_regexp: { pattern: '^/api(/|$)' } }],
      terminal: true,
      handle: [
        {
          handler: 'subroute',
          routes: [
            {
              match: [{ file: { root: '/data/routes', try_files: Array(3).fill(`/${ID}/*-*`) } }],
              handle: [
                {
                  handler: 'map',
                  source: '{http.matchers.file.relative}',
                  destinations: ['{up1}'],
                  mappings: [
                    { input_regexp: '/[0-9]+(?:-[0-9]+){0}-([0-9]+)(?:-[0-9]+){0}$', outputs: ['127.0.0.1:${1}'] },
                  ],
                  defaults: [''],
                },
                {
                  handler: 'subroute',
                  routes: [
                    {
                      match: [{ not: [{ vars: { '{up1}': [''] } }] }],
                      terminal: true,
                      handle: [
                        {
                          handler: 'reverse_proxy',
                          load_balancing: { selection_policy: { policy: 'round_robin' } },
                          upstreams: [{ dial: '{up1}' }],
                        },
                      ],
                    },
                  ],
                },
              ],
            },
            { handle: [expect.objectContaining({ status_code: 503 })] },
          ],
        },
      ],
    });
  });

  it('needs nothing of TLS', () => {
    expect(Object.keys(render(route()).apps)).toEqual(['http']);
    expect(Object.keys(render(route()).apps.http.servers)).toEqual(['tinyforge']);
  });
});

describe('a face with rules', () => {
  it('looks at the address first, then at the login, then serves', () => {
    const access = { ranges: ['10.0.0.0/8'], login: { user: 'ann', password: secret } };
    const text = JSON.stringify(render(route({ groups: [{ ...group, access }] })));
    const order = ['"remote_ip":{"ranges":["10.0.0.0/8"]}', '"status_code":403', '"http_basic"', '"reverse_proxy"'];
    const places = order.map((part) => text.indexOf(part));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(text).toContain(`"password":"${btoa('$2b$04$hash')}"`);
    expect(text).not.toContain('forwarded"');
  });
});

describe('certificates', () => {
  it('come from the issuer of the settings, but for hosts that bring their own', () => {
    const custom = { mode: 'custom', chain: 'CHAIN', key: secret } as const;
    const io = proxyIo({ issuer: 'https://acme.example.org/directory', reveal: () => 'KEY' });
    const routes = [
      route({ tls: { mode: 'auto' } }),
      route({ host: 'b.example.org', tls: custom }),
      route({ host: 'b.example.org', path: '/x', tls: { mode: 'auto' } }),
    ];
    const { http, tls, pki } = (caddy.render(routes, io) as Doc).apps;
    expect(tls).toEqual({
      certificates: { load_pem: [{ '@id': 'tinyforge-certificate-b.example.org', certificate: 'CHAIN', key: 'KEY' }] },
      automation: {
        policies: [
          {
            '@id': 'tinyforge-issuer',
            subjects: ['a.example.org'],
            issuers: [{ module: 'acme', ca: 'https://acme.example.org/directory' }],
          },
        ],
      },
    });
    expect(pki).toBeUndefined();
    expect(http.servers['tinyforge-tls']).toMatchObject({
      listen: ['127.0.0.1:8743'],
      automatic_https: { disable_redirects: true, skip_certificates: ['b.example.org'] },
    });
    expect(http.servers.tinyforge.routes[0].handle[0].headers.Location).toEqual([
      'https://b.example.org:8743{http.request.uri}',
    ]);
  });

  it('of the internal authority are not forced on the system', () => {
    expect(render(route({ tls: { mode: 'auto' } })).apps.pki).toEqual({
      certificate_authorities: { local: { install_trust: false } },
    });
  });
});

describe('whatever a face holds', () => {
  it('no placeholder of it reaches Caddy', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom('{env.HOME}', 'a{http.request.host}', '{file./etc/passwd}', 'a.org', 'x*', '$1', '(.*)'),
    );
    const ours = new Set(placeholders(render(route({ tls: { mode: 'auto' } }), route({ path: '/x' }))));
    fc.assert(
      fc.property(text, text, text, (host, rest, user) => {
        const access = { ranges: null, login: { user, password: secret } };
        const doc = render(route({ host, path: `/${rest}`, groups: [{ ...group, access }], tls: { mode: 'auto' } }));
        expect(placeholders(doc).filter((each) => !ours.has(each))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a merge', () => {
  it('leaves what is theirs, and takes away what was ours', () => {
    const theirs = {
      admin: { listen: 'unix//x' },
      apps: {
        http: { servers: { mine: { listen: [':1'] } } },
        tls: { automation: { policies: [{ subjects: ['theirs.org'] }] } },
      },
    };
    const ours = render(route({ tls: { mode: 'auto' } }));
    const together = merge(theirs, ours) as Doc;
    expect(together.apps.tls.automation.policies.map(({ subjects }: Doc) => subjects)).toEqual([
      ['a.example.org'],
      ['theirs.org'],
    ]);
    expect(merge(withoutOurs(together), ours)).toEqual(together);
    const { pki: _pki, ...apps } = (withoutOurs(together) as Doc).apps;
    expect(apps).toEqual(theirs.apps);
  });
});

/** Quantifiers of an expression look like one, too: they hold digits only. */
function placeholders(doc: unknown): readonly string[] {
  const texts: string[] = [];
  JSON.stringify(doc, (key, value: unknown) => {
    if (typeof value === 'string' && key !== 'body' && key !== 'input_regexp') texts.push(value);
    return value;
  });
  return texts.flatMap((each) => each.match(/(?<!\\)\{[^}]*\}/g) ?? []);
}
