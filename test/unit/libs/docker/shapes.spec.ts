import { describe, expect, it } from 'vitest';
import { optionsOf } from '#docker/container-shape';
import type { ContainerSpec } from '#docker/docker';
import { agreeOn } from '#docker/engine';
import { readFrames } from '#docker/logs';
import { targetOf } from '#docker/pull';

const digest = `sha256:${'a'.repeat(64)}`;

describe('targetOf', () => {
  it.each([
    ['nginx', 'nginx', 'latest', 'nginx:latest'],
    ['nginx:1.27', 'nginx', '1.27', 'nginx:1.27'],
    ['reg:5000/a/b', 'reg:5000/a/b', 'latest', 'reg:5000/a/b:latest'],
    ['reg:5000/a/b:v1', 'reg:5000/a/b', 'v1', 'reg:5000/a/b:v1'],
    [`reg:5000/a/b@${digest}`, 'reg:5000/a/b', digest, `reg:5000/a/b@${digest}`],
    [`reg:5000/a/b:v1@${digest}`, 'reg:5000/a/b', digest, `reg:5000/a/b@${digest}`],
  ])('%s', (reference, repository, tag, name) => {
    expect(targetOf(reference)).toEqual({ repository, tag, name });
  });
});

describe('agreeOn', () => {
  it.each([
    ['1.12', '1.41', '1.41'],
    ['1.24', '1.44', '1.44'],
    ['1.44', '1.52', '1.44'],
    ['1.50', '1.60', '1.50'],
    [undefined, '1.41', '1.41'],
  ])('least %s, most %s → %s', (least, most, spoken) => {
    expect(agreeOn(least, most)).toBe(spoken);
  });
});

describe('optionsOf', () => {
  const spec: ContainerSpec = {
    name: 'c',
    image: 'i',
    labels: {},
    env: {},
    command: null,
    ports: [],
    cpuLimit: null,
    memoryLimit: null,
    network: 'n',
    restart: 'no',
  };

  it('leaves limits and command to the image and the engine where none are given', () => {
    const options = optionsOf(spec);
    expect(options).not.toHaveProperty('Cmd');
    expect(options.HostConfig).not.toHaveProperty('NanoCpus');
    expect(options.HostConfig).not.toHaveProperty('Memory');
  });

  it('carries over nothing that the spec has no field for', () => {
    const options = optionsOf({ ...spec, HostConfig: { Privileged: true }, Binds: ['/:/host'] } as ContainerSpec);
    expect(Object.keys(options).sort()).toEqual(['Env', 'ExposedPorts', 'HostConfig', 'Image', 'Labels']);
    expect(Object.keys(options.HostConfig!).sort()).toEqual([
      'LogConfig',
      'NetworkMode',
      'PortBindings',
      'RestartPolicy',
    ]);
  });
});

describe('readFrames', () => {
  const frame = (stream: number, text: string) => {
    const payload = Buffer.from(text);
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(payload.length, 4);
    return Buffer.concat([header, payload]);
  };
  const read = async (bytes: Buffer, size: number) => {
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const found = { stdout: '', stderr: '' };
    for await (const part of readFrames(chunks())) found[part.stream] += part.bytes.toString('latin1');
    return found;
  };

  it.each([1, 3, 8, 9, 1000])('takes frames apart whatever the chunks: %i bytes', async (size) => {
    const bytes = Buffer.concat([frame(1, 'one\n'), frame(2, 'oops\n'), frame(1, ''), frame(1, 'two')]);
    expect(await read(bytes, size)).toEqual({ stdout: 'one\ntwo', stderr: 'oops\n' });
  });

  it.each([1, 5, 1000])('passes bare bytes through: %i bytes a chunk', async (size) => {
    expect(await read(Buffer.from('no frames here'), size)).toEqual({ stdout: 'no frames here', stderr: '' });
    expect(await read(Buffer.from('hi'), size)).toEqual({ stdout: 'hi', stderr: '' });
  });
});
