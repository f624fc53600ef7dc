import { describe, expect, it } from 'vitest';
import { readFile } from '#plugins/sources/compose/read-file';

function problem(text: string): string {
  const read = readFile(text);
  return 'problem' in read ? read.problem : 'none';
}

describe('a Compose file', () => {
  it('is read without anchors, merges and comments', () => {
    const read = readFile(`
x-base: &base { restart: always, environment: &env { A: "1" } } # common
services:
  web: { <<: *base, image: shop }
  worker: { <<: [*base], image: shop, environment: { <<: *env, B: 2 } }
version: 3.8
name: other
`);
    expect(read).toEqual({
      file: {
        services: {
          web: { restart: 'always', environment: { A: '1' }, image: 'shop' },
          worker: { restart: 'always', environment: { A: '1', B: 2 }, image: 'shop' },
        },
        networks: {},
        volumes: {},
        secrets: {},
        configs: {},
        others: [],
      },
    });
  });

  it('keeps as text what only older YAML took for something else', () => {
    const read = readFile('services: { web: { image: x, restart: no, ports: [22:22, 8080:80] } }');
    expect(read).toMatchObject({ file: { services: { web: { restart: 'no', ports: ['22:22', '8080:80'] } } } });
  });

  it.each(
    [
      ['a: [', 'is no valid YAML'],
      ['services:\n  web: {}\n  web: {}', 'is no valid YAML'],
      ['services: {web: !!python/object:os.system {}}', 'is no valid YAML'],
      ['services: {web: !reset {}}', 'is no valid YAML'],
      ['services: {}\n---\nservices: {}', 'is no valid YAML'],
      ['', 'must be a map'],
      ['[]', 'must be a map'],
      ['services: []', 'services must be a map'],
      ['services: {}', 'has no services'],
      ['services: {web: nginx}', 'services.web must be a map'],
      ['services: {"../web": {}}', 'is no name for a service'],
      ['services: {web: {}}\nvolumes: {data: 3}', 'volumes.data must be a map'],
      ['services: {web: {x: .inf}}', 'no text, number, list or map'],
      [`services: {web: {x: ${'['.repeat(60)}${']'.repeat(60)}}}`, 'nested too deeply'],
      [`services: {web: {x: ${'['.repeat(50_000)}}}`, 'nested too deeply'],
    ].map(([text, why], index) => ({ text: text!, why: why!, index })),
  )('$index is refused: $why', ({ text, why }) => {
    expect(problem(text)).toContain(why);
  });

  it('does not let aliases fill the memory', () => {
    const levels = Array.from({ length: 12 }, (_, index) => {
      const inner = index === 0 ? '"x"' : `*a${index - 1}`;
      return `a${index}: &a${index} [${Array(10).fill(inner).join(', ')}]`;
    });
    const bomb = `x-bomb:\n  ${levels.join('\n  ')}\nservices: {web: {x: *a11}}`;
    const before = process.memoryUsage().heapUsed;
    expect(problem(bomb)).toContain('grow without measure');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });

  it('names top-level keys that nobody knows', () => {
    const read = readFile('services: {web: {}}\ninclude: [a.yml]\nx-y: 1\nmodels: {}');
    expect(read).toMatchObject({ file: { others: ['include', 'models'] } });
  });
});
