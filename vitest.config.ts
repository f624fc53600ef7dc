import { defineConfig } from 'vitest/config';
import pkg from './package.json' with { type: 'json' };

/** Vite would resolve `#store/x` to the built file: tests run the sources. */
const alias = Object.entries(pkg.imports).map(([name, target]) => ({
  find: new RegExp(`^${name.replace('*', '(.*)')}$`),
  replacement: new URL(target.source, import.meta.url).pathname.replace('*', '$1'),
}));

const project = (name: string, extra: object = {}) => ({
  resolve: { alias },
  test: {
    name,
    include: [`test/${name}/**/*.spec.ts`],
    pool: 'forks' as const,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    ...extra,
  },
});

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      project('unit', { include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts', 'test/unit/**/*.spec.ts'] }),
      project('corpus'),
      project('integration', { globalSetup: ['test/support/global-setup.ts'] }),
      project('fault', {
        globalSetup: ['test/support/global-setup.ts'],
        testTimeout: 120_000,
        hookTimeout: 180_000,
        fileParallelism: false,
      }),
      project('flow', {
        globalSetup: ['test/support/global-setup.ts'],
        testTimeout: 180_000,
        hookTimeout: 180_000,
        fileParallelism: false,
      }),
    ],
  },
});
