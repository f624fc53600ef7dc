import type { ProxyIo } from '#plugins/source';

/** A proxy's surroundings in memory, for what is pure. Nothing of a test ever asks a public authority. */
export function proxyIo(more: Partial<ProxyIo> = {}): ProxyIo {
  return {
    routesDirectory: '/data/routes',
    httpPort: 8780,
    httpsPort: 8743,
    bind: '127.0.0.1',
    issuer: 'internal',
    admin: async () => null,
    reveal: () => null,
    files: { list: async () => [], read: async () => '', write: async () => {}, remove: async () => {} },
    ...more,
  };
}
