/**
 * The import table of ARCHITECTURE.md, rule for rule. `npm run check -- imports` holds the code to it.
 * A row names what a part may import of ours and of npm; whatever is not named is refused.
 */
const LIBS = {
  domain: { libs: [], packages: [], builtins: [] },
  plugins: {
    libs: ['domain'],
    // Types alone: erased before anything runs.
    typesOf: ['docker'],
    packages: [
      'class-validator',
      'class-transformer',
      '@nestjs/swagger',
      'cron-parser',
      'semver',
      'picomatch',
      'cron-parser',
      're2js',
      'ipaddr\\.js',
      'standardwebhooks',
      'yaml',
      'tar-stream',
      'marked',
      'sanitize-html',
    ],
    builtins: ['crypto', 'zlib'],
  },
  store: {
    libs: ['domain'],
    packages: ['typeorm', 'pg', '@nestjs/swagger', 'class-validator', 'class-transformer', 'uuid'],
  },
  docker: { libs: ['domain'], packages: ['dockerode'] },
  queue: { libs: ['domain'], packages: ['bullmq', 'ioredis'] },
  runtime: {
    libs: ['domain'],
    packages: [
      '@nestjs/[^/]+',
      'fastify',
      '@fastify/[^/]+',
      'pino',
      'undici',
      'prom-client',
      'ipaddr\\.js',
      'class-validator',
      'class-transformer',
    ],
  },
  process: { libs: ['domain', 'plugins', 'store', 'queue', 'runtime'], packages: ['@nestjs/[^/]+', 'prom-client'] },
};
const APPS = {
  api: ['domain', 'plugins', 'store', 'queue', 'runtime', 'process'],
  'webhook-ingress': ['domain', 'plugins', 'store', 'queue', 'runtime', 'process'],
  'deploy-worker': Object.keys(LIBS),
  reconciler: Object.keys(LIBS),
  admin: Object.keys(LIBS),
};
const anyOf = (names) => (names.length === 0 ? '(?!)' : `(${names.join('|')})`);

const libRules = Object.entries(LIBS).flatMap(([lib, { libs, typesOf = [], packages, builtins }]) => [
  {
    name: `${lib}-imports-libs`,
    comment: `${lib} may import ${[lib, ...libs, ...typesOf.map((name) => `types of ${name}`)].join(', ')} of ours.`,
    severity: 'error',
    from: { path: `^libs/${lib}/` },
    to: { path: '^(apps|libs|test|bench|tools)/', pathNot: `^libs/${anyOf([lib, ...libs, ...typesOf])}/` },
  },
  ...typesOf.map((name) => ({
    name: `${lib}-imports-types-of-${name}`,
    comment: `${lib} may import ${name} by \`import type\` only.`,
    severity: 'error',
    from: { path: `^libs/${lib}/` },
    to: { path: `^libs/${name}/`, dependencyTypesNot: ['type-only'] },
  })),
  {
    name: `${lib}-imports-packages`,
    comment: `${lib} may import ${packages.length === 0 ? 'no package' : packages.join(', ')}.`,
    severity: 'error',
    from: { path: `^libs/${lib}/` },
    to: { path: 'node_modules/', pathNot: `node_modules/(@types/)?${anyOf(packages)}/` },
  },
  ...(builtins === undefined
    ? []
    : [
        {
          name: `${lib}-imports-builtins`,
          comment: `${lib} may import ${builtins.length === 0 ? 'no built-in of Node' : builtins.join(', ')}: IO comes in from outside.`,
          severity: 'error',
          from: { path: `^libs/${lib}/` },
          to: { dependencyTypes: ['core'], pathNot: `^(node:)?${anyOf(builtins)}$` },
        },
      ]),
]);

const appRules = Object.entries(APPS).map(([app, libs]) => ({
  name: `${app}-imports`,
  comment: `${app} may import ${libs.join(', ')}, and no other app.`,
  severity: 'error',
  from: { path: `^apps/${app}/` },
  to: { path: '^(apps|libs|test|bench|tools)/', pathNot: `^(apps/${app}|libs/${anyOf(libs)})/` },
}));

module.exports = {
  forbidden: [
    ...libRules,
    ...appRules,
    {
      name: 'clients-import-the-client',
      comment: 'web and cli speak to the API through the generated client.',
      severity: 'error',
      from: { path: '^apps/(web|cli)/' },
      to: { path: '^(apps|libs|test|bench)/', pathNot: '^(apps/$1|libs/client)/' },
    },
    {
      name: 'no-plugin-imports-another',
      comment: 'Shared steps and parsers have a home of their own, outside of every plugin.',
      severity: 'error',
      from: { path: '^libs/plugins/src/(sources|triggers|vendors|proxies|notifiers|dns)/([^/]+)/' },
      to: { path: '^libs/plugins/src/$1/[^/]+/', pathNot: '^libs/plugins/src/$1/$2/' },
    },
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one, or want a third.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'resolvable',
      comment: 'A rule sees only what resolves: what does not would slip through.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared',
      comment: 'A package comes from our package.json, not by way of another.',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-dev', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|data)/|[.]svelte$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      // `#lib/file` goes to the sources, as under TypeScript, not to dist.
      conditionNames: ['source', 'types', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
