import { buildImage, demoImage, pushImage, removeImage, type ImageSpec } from '../../support/images.js';
import { startRegistry } from '../../support/registry.js';
import { SECRET_NAME, type SourceFixture } from '../source-fixture.js';

const artifactOf = (tag: string, letter: string) => {
  return { kind: 'image', repository: 'ghcr.io/acme/shop', tag, digest: `sha256:${letter.repeat(64)}` };
};

export const image: SourceFixture = {
  kind: 'image',
  smallest: { image: 'ghcr.io/acme/shop' },
  valid: [
    { image: 'ghcr.io/acme/shop:1.4', port: 8080 },
    { image: 'shop', healthcheck: null, hooks: { preDeploy: ['bin/migrate'] } },
    { image: '127.0.0.1:5000/shop', cpuLimit: 0.5, memoryLimit: 64, network: 'backend' },
  ],
  invalid: [
    ['/image', {}],
    ['/image', { image: 'UPPER case' }],
    ['/image', { image: { $gt: '' } }],
    ['/port', { image: 'shop', port: 0 }],
    ['/pullPolicy', { image: 'shop', pullPolicy: 'sometimes' }],
    ['/hooks/preDeploy', { image: 'shop', hooks: { preDeploy: 'bin/migrate' } }],
    ['/network', { image: 'shop', network: 'host' }],
  ],
  artifacts: [artifactOf('1.0.0', 'a'), artifactOf('1.1.0', 'b')],
  async open({ dockerHost, client }) {
    const registry = await startRegistry();
    await client.post('/registries', { name: 'conformance', host: registry.host, insecure: true });
    const repository = `${registry.host}/acme/conformance`;
    const tags: string[] = [];
    return {
      printsSecret: true,
      config: {
        image: repository,
        port: 8080,
        healthcheck: { path: '/', deadlineSeconds: 10 },
        hooks: { preDeploy: ['sh', '-c', `echo "the hook has $${SECRET_NAME}" | cat`] },
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

function talkative(version: string): Omit<ImageSpec, 'tag'> {
  const demo = demoImage({ version });
  const script = `echo "the program has $${SECRET_NAME}" | cat\n${demo.files!['/serve.sh']}`;
  return { ...demo, files: { ...demo.files, '/serve.sh': script } };
}

function broken(version: string): Omit<ImageSpec, 'tag'> {
  return { ...demoImage({ version }), cmd: ['sh', '-c', `echo "broken, with $${SECRET_NAME}" >&2; exit 3`] };
}
