import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { id8 } from '#domain/naming';
import { expectProblem, startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
beforeAll(async () => (api = await startTestApi()));
afterAll(() => api.stop());

const YAML =
  'services: { web: { image: "registry.example.org/acme/shop:1" }, db: { image: "registry.example.org/acme/db" } }';
const nameOf = () => `c-${crypto.randomUUID().slice(0, 8)}`;
const make = (config: object = {}, more: object = {}, token?: string) => {
  const body = { name: nameOf(), sourceKind: 'compose', sourceConfig: { yaml: YAML, ...config }, ...more };
  return api.call('post', '/api/workloads', body, token === undefined ? {} : { token });
};
const detailsOf = ({ body }: { body: Answer }) =>
  (body['errors'] as { pointer: string; detail: string }[])
    .map(({ pointer, detail }) => `${pointer} ${detail}`)
    .join('\n');

describe('a workload of source compose', () => {
  test.each<[string, object, string]>([
    ['no YAML', { yaml: 'a: [' }, '/sourceConfig/yaml is no valid YAML'],
    ['a list', { yaml: '[]' }, '/sourceConfig/yaml must be a map'],
    ['an alias bomb', { yaml: bomb() }, '/sourceConfig/yaml holds aliases'],
    ['a key that is refused', { yaml: YAML.replace('web: {', 'web: { privileged: true,') }, 'services.web.privileged'],
    ['a file of the host', { yaml: YAML.replace('db: {', 'db: { env_file: /etc/shadow,') }, 'services.db.env_file'],
    ['a service without an image', { yaml: 'services: { web: {} }' }, 'services.web names no image'],
    ['half a variable', { yaml: YAML.replace('shop:1', 'shop:${TAG') }, 'no variable'],
    ['a service that is not there', { routedService: 'api' }, '/sourceConfig/routedService must be a service'],
    ['an option for a service', { yaml: 'services: { "--build": { image: x } }' }, 'is no name for a service'],
  ])('is refused with %s', async (_what, config, detail) => {
    const answer = await make(config);
    expectProblem(answer, 400, 'invalid-config');
    expect(detailsOf(answer)).toContain(detail);
  });

  test('needs a service and a port behind its faces', async () => {
    const faces = [{ host: `${nameOf()}.test` }];
    expect(detailsOf(await make({}, { faces }))).toContain('/sourceConfig/routedService');
    expect(detailsOf(await make({ routedService: 'web' }, { faces }))).toContain('/sourceConfig/port');
    expect((await make({ routedService: 'web', port: 80 }, { faces })).status).toBe(201);
  });

  test('has a project that no other one of its node has', async () => {
    const owner = (await make({ projectName: 'My Shop' }).expect(201)).body;
    const second = await make({ projectName: 'my-shop' });
    expectProblem(second, 409, 'claim-taken');
    expect(second.body.detail).toContain(`my-shop is that of workload ${owner.name}`);
    const other = (await make().expect(201)).body;
    const sourceConfig = { yaml: YAML, projectName: `${other.name}-${id8(other.id)}` };
    expectProblem(await api.call('patch', `/api/workloads/${owner.id}`, { sourceConfig }), 409, 'claim-taken');
    await api.call('patch', `/api/workloads/${owner.id}`, { sourceConfig: { yaml: YAML } }).expect(200);
    expect((await make({ projectName: 'my shop' })).status).toBe(201);
  });

  test('asks for more than its containers only where an admin lets it', async () => {
    const editor = await api.token('editor');
    const privileged = { yaml: YAML.replace('web: {', 'web: { privileged: true,'), permissions: ['privileged'] };
    expectProblem(await make(privileged, {}, editor), 403, 'role-too-low');
    const made = (await make(privileged).expect(201)).body;
    const change = (sourceConfig: object) =>
      api.call('patch', `/api/workloads/${made.id}`, { sourceConfig }, { token: editor });
    expectProblem(await change({ ...privileged, permissions: ['privileged', 'pid'] }), 403, 'role-too-low');
    expectProblem(await change({ yaml: YAML, permissions: [] }), 403, 'role-too-low');
    expect((await change({ ...privileged, drainSeconds: 1 })).status).toBe(200);
  });

  test('plans what stands beside itself, what is made anew, and why', async () => {
    const made = (await make({ routedService: 'web', port: 80 }).expect(201)).body;
    const { body } = await api.call('get', `/api/workloads/${made.id}/plan`).expect(200);
    expect(body).toMatchObject({
      artifact: { kind: 'compose', repository: 'registry.example.org/acme/shop', digest: expect.any(String) },
      steps: ['config', 'pull', 'up', 'start', 'wait-healthy', 'route', 'retire', 'tidy'],
    });
    expect(JSON.stringify(body.downtime)).not.toContain('Nothing changed');
    const tied = YAML.replace('web: {', 'web: { container_name: x,');
    await api
      .call('patch', `/api/workloads/${made.id}`, { sourceConfig: { yaml: tied, routedService: 'web' } })
      .expect(200);
    const { body: other } = await api.call('get', `/api/workloads/${made.id}/plan`).expect(200);
    expect(other.steps).toEqual(['config', 'pull', 'up', 'wait-healthy', 'route', 'retire', 'tidy']);
  });

  test('is told a tag of an image that none of its services runs', async () => {
    const made = (await make({ yaml: 'services: { web: { image: "$IMAGE" } }' }).expect(201)).body;
    expectProblem(await api.call('post', `/api/workloads/${made.id}/deploy`, { tag: '2' }), 409, 'other-repository');
  });
});

function bomb(): string {
  const levels = Array.from({ length: 12 }, (_, index) => {
    const inner = index === 0 ? '"x"' : `*a${index - 1}`;
    return `a${index}: &a${index} [${Array(10).fill(inner).join(', ')}]`;
  });
  return `x-bomb:\n  ${levels.join('\n  ')}\nservices: {web: {x: *a11}}`;
}
