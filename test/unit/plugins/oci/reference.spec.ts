import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, nameOf, parseReference, referenceProblem } from '#plugins/oci/reference';

const digest = `sha256:${'0a'.repeat(32)}`;

describe('an image name in its one spelling', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['acme/api', 'docker.io/acme/api'],
    ['docker.io/nginx', 'docker.io/library/nginx'],
    ['index.docker.io/library/nginx:1', 'docker.io/library/nginx:1'],
    ['registry-1.docker.io/acme/api', 'docker.io/acme/api'],
    ['registry:5000/team/api', 'registry:5000/team/api'],
    ['registry.example.com:5000/team/api:22', 'registry.example.com:5000/team/api:22'],
    ['registry.example.com:5000/api', 'registry.example.com:5000/api'],
    ['localhost/api:v1', 'localhost/api:v1'],
    ['[2001:db8::1]:5000/api:v1', '[2001:db8::1]:5000/api:v1'],
    ['GHCR.io/Acme/Api:V1', 'ghcr.io/acme/api:V1'],
    [`ghcr.io/acme/api@${digest}`, `ghcr.io/acme/api@${digest}`],
    [`ghcr.io/acme/api:v1@${digest}`, `ghcr.io/acme/api:v1@${digest}`],
    ['ghcr.io/a/b/c/d_e__f-g.h', 'ghcr.io/a/b/c/d_e__f-g.h'],
  ])('%s is %s', (text, expected) => {
    const reference = parseReference(text);
    expect(reference && formatReference(reference)).toBe(expected);
    expect(referenceProblem(text)).toBeNull();
  });

  it('has a name to compare by', () => {
    expect(nameOf(parseReference(`nginx:1@${digest}`)!)).toBe('docker.io/library/nginx');
  });
});

describe('no image name', () => {
  it.each([
    ['', 'empty'],
    ['https://ghcr.io/acme/api', 'scheme'],
    ['--privileged', 'repository'],
    ['ghcr.io/', 'repository'],
    ['ghcr.io//api', 'repository'],
    ['ghcr.io/acme/api:', 'tag'],
    [`acme/api:${'x'.repeat(129)}`, 'tag'],
    ['acme/api:-v', 'tag'],
    ['acme/api@sha256:abc', 'digest'],
    [`acme/api@${digest}@${digest}`, '@'],
    ['acme/api@md5:d41d8cd98f00b204e9800998ecf8427e', 'digest'],
    ['host:99999/api', 'host'],
    ['-host.example/api', 'host'],
    ['acme/a pi', 'repository'],
    ['acme/../api', 'repository'],
    ['acme/api;id', 'repository'],
    ['acme/a\npi', 'repository'],
    [`a/${'b'.repeat(300)}`, 'repository'],
    ['x'.repeat(2_000), '1024'],
  ])('%j says why', (text, word) => {
    expect(parseReference(text)).toBeNull();
    expect(referenceProblem(text)).toContain(word);
  });
});

describe('any text', () => {
  it('either is a name that reads back the same, or has a reason', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    const name = fc.tuple(part, part, part).map(([a, b, c]) => `${a}.io/${b}/${c}:${a}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), name), (text) => {
        const reference = parseReference(text);
        expect(referenceProblem(text) === null).toBe(reference !== null);
        if (reference !== null) expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
    );
  });
});
