import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDocker } from '#docker/connect';
import { contextOf } from '../../support/context.js';
import { FakeDaemon, json } from '../../support/fake-daemon.js';

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await FakeDaemon.start();
});
afterEach(() => daemon.end());

const ID = `sha256:${'a'.repeat(64)}`;
const build = (deadlines = {}) =>
  createDocker({ host: daemon.host, deadlines }).build({
    context: contextOf({ Dockerfile: 'FROM scratch\n' }),
    tag: 'site:1',
    labels: { site: 'shop' },
    progress: () => {},
  });

/** Takes the context in and answers with these lines. */
function says(lines: readonly object[], labels: object | null = { site: 'shop' }): void {
  daemon.handle = (request, response) => {
    if (request.url!.includes('/build')) {
      request.resume().once('end', () => {
        response.writeHead(200);
        response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      });
    } else if (labels === null) json(response, { message: 'No such image' }, 404);
    else json(response, { Id: ID, Os: 'linux', Architecture: 'amd64', Config: { Labels: labels } });
  };
}

describe('a build', () => {
  it.each([
    ['COPY failed: file not found in build context', 'build-failed'],
    ['manifest unknown: manifest unknown', 'no-such-image'],
    ['pull access denied for base, repository does not exist', 'no-such-image'],
    ['write /tmp/x: no space left on device', 'disk-full'],
  ])('that ends inside a 200 with %j has failed: %s', async (message, code) => {
    says([{ stream: 'Step 1/2' }, { errorDetail: { message }, error: message }]);
    await expect(build()).rejects.toMatchObject({ name: 'TerminalError', code });
  });

  it('that only says it is done is looked for', async () => {
    says([{ aux: { ID } }, { stream: 'Successfully built' }], null);
    await expect(build()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-failed' });
  });

  it('whose image carries other labels is not taken for ours', async () => {
    says([{ aux: { ID } }], { site: 'another' });
    await expect(build()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-failed' });
  });

  it('is found by its tag where an engine names no id', async () => {
    says([{ stream: 'Successfully built' }]);
    expect(await build()).toMatchObject({ id: ID });
    expect(daemon.requests.at(-1)).toContain('/images/site:1/json');
  });

  it('that names what is no id is refused', async () => {
    says([{ aux: { ID: '../../containers' } }]);
    await expect(build()).rejects.toMatchObject({ code: 'docker-rejected' });
  });

  it('that falls silent is given up', async () => {
    daemon.handle = (request, response) => void request.resume().once('end', () => response.write('{"stream":"x"}\n'));
    await expect(build({ silence: 200 })).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-timeout' });
  });

  it('that is cut off is tried again', async () => {
    daemon.handle = (request, response) =>
      void request.resume().once('end', () => response.write('{"stream":"x"}\n', () => response.destroy()));
    await expect(build()).rejects.toMatchObject({ name: 'RetryableError', code: 'docker-unreachable' });
  });

  it('that is refused says why', async () => {
    daemon.handle = (request, response) =>
      void request.resume().once('end', () => json(response, { message: 'dockerfile parse error' }, 400));
    await expect(build()).rejects.toMatchObject({ name: 'TerminalError', code: 'build-failed' });
  });
});
