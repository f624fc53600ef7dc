import { describe, expect, it } from 'vitest';
import { readFile } from '#plugins/sources/compose/read-file';
import { activeServices, replicasOf, tiesOf } from '#plugins/sources/compose/services';

function fileOf(yaml: string) {
  const read = readFile(yaml);
  if ('problem' in read) throw new Error(read.problem);
  return read.file;
}

describe('a service that is to stand beside itself', () => {
  it.each([
    ['ports: ["8080"]'],
    ['ports: ["${PORT:-8080}"]'],
    ['ports: [{ target: 80 }]'],
    ['volumes: ["static:/www:ro", { type: tmpfs, target: /tmp }]'],
    ['networks: { default: { aliases: [x] } }'],
    ['depends_on: [db]'],
  ])('can with %s', (text) => {
    expect(tiesOf(fileOf(`services: { web: { image: x, ${text} }, db: { image: y } }`), 'web')).toEqual([]);
  });

  it.each([
    ['container_name: shop', 'container_name'],
    ['ports: ["8080:80"]', 'fixed host port'],
    ['ports: ["127.0.0.1:8080:80/tcp"]', 'fixed host port'],
    ['ports: [{ target: 80, published: 8080 }]', 'fixed host port'],
    ['network_mode: host', 'network_mode'],
    ['mac_address: "02:42:ac:11:65:43"', 'fixed address'],
    ['networks: { default: { ipv4_address: 10.0.0.2 } }', 'fixed address'],
    ['volumes: ["data:/data"]', 'volume'],
    ['volumes: ["/srv/data:/data:rw"]', 'volume'],
    ['volumes: [{ type: bind, source: /srv, target: /srv }]', 'volume'],
    ['extends: base', 'container_name'],
  ])('cannot with %s', (text, why) => {
    const file = fileOf(`services: { web: { image: x, ${text} }, base: { container_name: y } }`);
    expect(tiesOf(file, 'web').join()).toContain(why);
  });

  it('cannot while another one lives in its network', () => {
    const file = fileOf('services: { web: { image: x }, side: { image: y, network_mode: "service:web" } }');
    expect(tiesOf(file, 'web').join()).toContain('side');
  });
});

describe('services of a file', () => {
  it('start by themselves without a profile, once or as often as told', () => {
    const file = fileOf(`services:
  web: { image: x, deploy: { replicas: 3 } }
  worker: { image: x, scale: 2 }
  off: { image: x, scale: 0 }
  debug: { image: x, profiles: [debug] }
`);
    expect(activeServices(file)).toEqual(['web', 'worker', 'off']);
    expect(['web', 'worker', 'off', 'debug'].map((name) => replicasOf(file, name))).toEqual([3, 2, 0, 1]);
  });
});
