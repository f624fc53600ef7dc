import { describe, expect, it } from 'vitest';
import { engineError, engineText, pullError } from '#docker/errors';
import { RetryableError, TerminalError } from '#domain/errors';

const refusal = (statusCode: number, text: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${text} `), { statusCode });

describe('pullError', () => {
  it.each([
    ['manifest for 127.0.0.1:5000/a:b not found: manifest unknown: manifest unknown', 'no-such-image'],
    ['failed to resolve reference "ghcr.io/a/b:c": ghcr.io/a/b:c: not found', 'no-such-image'],
    ['name unknown: repository name not known to registry', 'no-such-image'],
    [
      "pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      'registry-denied',
    ],
    ['Head "https://ghcr.io/v2/a/b/manifests/c": unauthorized', 'registry-denied'],
    ['unexpected status from HEAD request to https://r/v2/a/manifests/b: 403 Forbidden', 'registry-denied'],
    ['Get "http://127.0.0.1:5000/v2/a/manifests/b": no basic auth credentials', 'registry-denied'],
    ['no matching manifest for linux/arm64/v8 in the manifest list entries', 'wrong-platform'],
    [
      'image with reference a:b was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64',
      'wrong-platform',
    ],
    [
      'failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device',
      'disk-full',
    ],
    ['invalid reference format: repository name must be lowercase', 'docker-rejected'],
  ])('gives up on: %s', (text, code) => {
    const error = pullError(text, 'a:b');
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ code, failureClass: code === 'disk-full' ? 'operator' : 'permanent' });
    expect(error.message).toContain(text.slice(0, 40));
  });

  it.each([
    'toomanyrequests: You have reached your unauthenticated pull rate limit.',
    'unexpected status from HEAD request to https://r/v2/a/manifests/b: 429 Too Many Requests',
    'received unexpected HTTP status: 503 Service Unavailable',
    "error parsing HTTP 502 response body: invalid character '<' looking for beginning of value",
    'Get "https://r/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    'Get "https://r.example/v2/": dial tcp: lookup r.example on 1.1.1.1:53: no such host',
    'unexpected EOF',
    'filesystem layer verification failed for digest sha256:0a',
    'something nobody has seen before',
  ])('tries again after: %s', (text) => {
    const error = pullError(text, 'a:b');
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code: 'registry-unreachable' });
  });
});

describe('engineError', () => {
  it.each([
    [404, 'No such image: a:b', 'no-such-image', 'permanent'],
    [404, 'No such container: a', 'docker-rejected', 'permanent'],
    [400, 'invalid container name', 'docker-rejected', 'permanent'],
    [500, 'OCI runtime create failed: container_linux.go: starting container process', 'docker-rejected', 'permanent'],
    [
      500,
      'driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated',
      'port-taken',
      'operator',
    ],
    [
      500,
      'Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use',
      'port-taken',
      'operator',
    ],
    [500, 'mkdir /var/lib/docker/overlay2/x: no space left on device', 'disk-full', 'operator'],
  ])('%i %s → %s', (status, text, code, failureClass) => {
    expect(engineError(refusal(status, text), 'start x')).toMatchObject({ name: 'TerminalError', code, failureClass });
  });

  it.each([
    [500, 'context deadline exceeded', 'docker-failed'],
    [503, 'daemon is shutting down', 'docker-unreachable'],
  ])('%i %s is worth another try', (status, text, code) => {
    expect(engineError(refusal(status, text), 'start x')).toMatchObject({ name: 'RetryableError', code });
  });

  it.each(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE'])('%s is docker-unreachable', (code) => {
    const error = engineError(Object.assign(new Error('connect'), { code }), 'start x');
    expect(error).toMatchObject({ name: 'RetryableError', code: 'docker-unreachable' });
    expect(error.message).toContain(code);
  });

  it('passes on its own kind, and what is no engine’s doing', () => {
    const own = new TerminalError('container-foreign', 'x');
    expect(engineError(own, 'x')).toBe(own);
    const bug = new TypeError('undefined is not a function');
    expect(engineError(bug, 'x')).toBe(bug);
  });
});

describe('engineText', () => {
  it('drops the preamble and bounds the rest', () => {
    expect(engineText(refusal(500, 'a - b'))).toBe('a - b');
    expect(engineText(refusal(500, 'x'.repeat(9_999)))).toHaveLength(500);
  });
});
