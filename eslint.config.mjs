import tseslint from 'typescript-eslint';

/** Programs are started in three places, each by an argument list; everything else goes through `#runtime/exec`. */
const SPAWNERS = [
  'libs/runtime/src/exec.ts',
  'libs/runtime/src/embedded-postgres.ts',
  'libs/runtime/src/postgres-server.ts',
  'libs/runtime/src/caddy-process.ts',
];
const CHILD_PROCESS = ['child_process', 'node:child_process'];
const BY_SHELL = { importNames: ['exec', 'execSync'], message: 'It runs a shell: start programs by an argument list.' };

const noChildProcess = CHILD_PROCESS.map((name) => ({ name, message: 'Use #runtime/exec.' }));
const noShell = CHILD_PROCESS.map((name) => ({ name, ...BY_SHELL }));
const shellOption = {
  selector: "Property[key.name='shell'][value.value!=false]",
  message: 'No text from a user may reach a shell: leave `shell` out.',
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/', 'apps/web/', 'test/fixtures/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Nest reads the classes of constructor parameters at run time: never turned into `import type`.
      '@typescript-eslint/consistent-type-imports': 'off',
      // An async function without await keeps a contract's promise; throwing in it rejects.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 60 }],
      'max-params': ['error', { max: 4 }],
      'no-restricted-imports': ['error', { paths: noChildProcess }],
      'no-restricted-syntax': ['error', shellOption],
    },
  },
  {
    files: [...SPAWNERS, 'bench/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: noShell }] },
  },
  {
    // A controller's parameters are its route, spelled out by decorators.
    files: ['**/*.controller.ts', '**/*.processor.ts'],
    rules: { 'max-params': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'vitest.config.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      'max-params': 'off',
      'no-console': 'off',
      'no-restricted-imports': ['error', { paths: noShell }],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    rules: {
      eqeqeq: 'error',
      'no-restricted-imports': ['error', { paths: noShell }],
      'no-restricted-syntax': ['error', shellOption],
    },
  },
);
