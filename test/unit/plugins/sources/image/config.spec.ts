import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '#plugins/config';
import { ImageConfig, sample } from '#plugins/sources/image/config.dto';
import { image } from '#plugins/sources/image/image';

const check = (input: object) => checkConfig(ImageConfig, { image: 'ghcr.io/acme/shop', ...input });
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe('the config of an image', () => {
  it('takes the sample as it stands', () => {
    const { value, errors } = checkConfig(ImageConfig, sample);
    expect(errors).toEqual([]);
    expect(plain(value)).toEqual(sample);
  });

  it('fills in what is left out with what the sample shows', () => {
    const { healthcheck, ...rest } = sample;
    expect(plain(check({ port: 8080 }).value)).toEqual(rest);
    expect(plain(check({ port: 8080, healthcheck: { path: '/' } }).value)).toEqual({ ...rest, healthcheck });
  });

  it('knows a health check that is off from one that is left out', () => {
    expect(check({ healthcheck: null }).value.healthcheck).toBeNull();
    expect(check({}).value.healthcheck).toBeUndefined();
  });

  it.each<[string, object]>([
    ['/image', { image: 'Not An Image' }],
    ['/image', { image: '' }],
    ['/image', { image: 7 }],
    ['/image', { image: 'https://ghcr.io/acme/shop' }],
    ['/port', { port: 0 }],
    ['/port', { port: 65_536 }],
    ['/port', { port: '80' }],
    ['/port', { port: 80.5 }],
    ['/healthcheck', { healthcheck: 'x' }],
    ['/healthcheck', { healthcheck: [] }],
    ['/healthcheck/path', { healthcheck: { path: 'x' } }],
    ['/healthcheck/path', { healthcheck: { path: '/a b' } }],
    ['/healthcheck/path', { healthcheck: { path: '/a\r\nHost: x' } }],
    ['/healthcheck/intervalSeconds', { healthcheck: { intervalSeconds: 0 } }],
    ['/healthcheck/deadlineSeconds', { healthcheck: { deadlineSeconds: 3601 } }],
    ['/healthcheck/minHealthySeconds', { healthcheck: { minHealthySeconds: -1 } }],
    ['/healthcheck/retries', { healthcheck: { retries: 3 } }],
    ['/defaultTag', { defaultTag: '-x' }],
    ['/defaultTag', { defaultTag: null }],
    ['/tagTemplate', { tagTemplate: '{{other}}' }],
    ['/tagTemplate', { tagTemplate: '' }],
    ['/tagTemplate', { tagTemplate: 'a b' }],
    ['/registryName', { registryName: '' }],
    ['/pullPolicy', { pullPolicy: 'sometimes' }],
    ['/cpuLimit', { cpuLimit: 0 }],
    ['/memoryLimit', { memoryLimit: 5 }],
    ['/maxInstances', { maxInstances: 0 }],
    ['/maxInstances', { maxInstances: 33 }],
    ['/command', { command: [] }],
    ['/command', { command: 'sh -c x' }],
    ['/command', { command: ['a\0b'] }],
    ['/command', { command: [1] }],
    ['/hooks/preDeploy', { hooks: { preDeploy: [] } }],
    ['/hooks/preDeploy', { hooks: { preDeploy: 'migrate' } }],
    ['/hooks/preDeploy', { hooks: { preDeploy: ['a\0b'] } }],
    ['/hooks/preDeploy', { hooks: { preDeploy: ['a', 1] } }],
    ['/hooks/preDeployTimeoutSeconds', { hooks: { preDeploy: ['a'], preDeployTimeoutSeconds: 0 } }],
    ['/hooks/preDeployTimeoutSeconds', { hooks: { preDeploy: ['a'], preDeployTimeoutSeconds: null } }],
    ['/hooks/postDeploy', { hooks: { postDeploy: ['a'] } }],
    ['/hooks', { hooks: null }],
    ['/stopTimeoutSeconds', { stopTimeoutSeconds: -1 }],
    ['/drainSeconds', { drainSeconds: 1e9 }],
    ['/nonsense', { nonsense: 1 }],
  ])('names %s in %j', (pointer, input) => {
    expect(check(input).errors.map((error) => error.pointer)).toContain(pointer);
  });

  it('takes a hook, and how long it may take', () => {
    const hooks = { preDeploy: ['bin/migrate', '--yes'], preDeployTimeoutSeconds: 60 };
    expect(check({ hooks })).toMatchObject({ errors: [], value: { hooks } });
  });

  it('needs a port where a face has none', () => {
    const config = check({}).value;
    const face = { host: 'a.test', path: '/', port: null };
    expect(image.check!(config, [face]).map(({ pointer }) => pointer)).toEqual(['/port']);
    expect(image.check!(config, [{ ...face, port: 80 }])).toEqual([]);
    expect(image.check!(config, [])).toEqual([]);
  });

  it('needs a port where a health check has a path', () => {
    const config = check({ healthcheck: { path: '/up' } }).value;
    expect(image.check!(config, []).map(({ pointer }) => pointer)).toEqual(['/healthcheck/port']);
  });
});
