import { randomUUID } from 'node:crypto';
import { buildImage, demoImage, pushImage, removeImage, type ImageSpec } from '../../support/images.js';
import { startRegistry } from '../../support/registry.js';
import { SECRET_NAME, type SourceFixture } from '../source-fixture.js';

const WEB = 'services: { web: { image: "ghcr.io/acme/shop:1" } }';
const artifactOf = (tag: string, letter: string) => {
  const digest = `sha256:${letter.repeat(64)}`;
  const repository = 'ghcr.io/acme/shop';
  return { kind: 'compose', repository, tag, digest, images: { [repository]: `${repository}@${digest}` } };
};

export const compose: SourceFixture = {
  kind: 'compose',
  smallest: { yaml: WEB },
  valid: [
    { yaml: WEB, routedService: 'web', port: 8080 },
    { yaml: WEB, projectName: 'My Shop', healthcheck: null },
    { yaml: WEB, permissions: ['privileged', 'cap_add'], healthcheck: { path: '/health' } },
  ],
  invalid: [
    ['/yaml', {}],
    ['/yaml', { yaml: '' }],
    ['/yaml', { yaml: { services: {} } }],
    ['/yaml', { yaml: 'x'.repeat(262_145) }],
    ['/projectName', { yaml: WEB, projectName: '---' }],
    ['/port', { yaml: WEB, port: 70_000 }],
    ['/permissions', { yaml: WEB, permissions: ['everything'] }],
  ],
  artifacts: [artifactOf('1.0.0', 'a'), artifactOf('1.1.0', 'b')],
  async open({ dockerHost, client }) {
    const registry = await startRegistry();
    await client.post('/registries', { name: 'conformance-compose', host: registry.host, insecure: true });
    const repository = `${registry.host}/acme/conformance`;
    const side = `${registry.host}/acme/side:1`;
    const tags = [side];
    await buildImage(dockerHost, { tag: side, ...demoImage({ version: randomUUID() }) });
    await pushImage(dockerHost, side);
    const background = { restart: 'unless-stopped', command: ['sh', '-c', IDLE], healthcheck: HEALTHY };
    const web = { image: `${repository}:1.0.0`, restart: 'unless-stopped', environment: [SECRET_NAME] };
    return {
      printsSecret: true,
      config: {
        yaml: JSON.stringify({ services: { web, side: { image: side, ...background } } }),
        routedService: 'web',
        port: 8080,
        healthcheck: { path: '/', deadlineSeconds: 10 },
        drainSeconds: 0,
        stopTimeoutSeconds: 1,
      },
      async publish(version, quality) {
        const tag = `${repository}:${version}`;
        tags.push(tag);
        await buildImage(dockerHost, { tag, ...(quality === 'good' ? talkative(version) : broken(version)) });
        await pushImage(dockerHost, tag);
        return { tag: version };
      },
      async close() {
        for (const tag of tags) await removeImage(dockerHost, tag);
        await registry.stop();
      },
    };
  },
};

const IDLE = 'trap "exit 0" TERM; sleep 1000 & wait';
const HEALTHY = { test: ['CMD', 'true'], interval: '1s' };

function talkative(version: string): Omit<ImageSpec, 'tag'> {
  const demo = demoImage({ version });
  const script = `echo "the program has $${SECRET_NAME}" | cat\n${demo.files!['/serve.sh']}`;
  return { ...demo, files: { ...demo.files, '/serve.sh': script } };
}

function broken(version: string): Omit<ImageSpec, 'tag'> {
  return { ...demoImage({ version }), cmd: ['sh', '-c', `echo "broken, with $${SECRET_NAME}" >&2; exit 3`] };
}
