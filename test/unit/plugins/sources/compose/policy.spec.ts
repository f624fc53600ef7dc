import { describe, expect, it } from 'vitest';
import { PERMISSIONS, type Permission } from '#plugins/sources/compose/permissions';
import { refusals } from '#plugins/sources/compose/policy';
import { readFile } from '#plugins/sources/compose/read-file';

function refused(yaml: string, { granted = [] as readonly Permission[], isFinal = true } = {}): readonly string[] {
  const read = readFile(yaml);
  if ('problem' in read) throw new Error(read.problem);
  return refusals(read.file, new Set(granted), { project: 'shop', isFinal }).map(({ path }) => path);
}

const service = (text: string) => `services: { web: { image: x, ${text} } }`;

describe('what a Compose file may not do', () => {
  it.each<[string, string, Permission | null]>([
    ['privileged: true', 'privileged', 'privileged'],
    ['pid: host', 'pid', 'pid'],
    ['pid: "service:db"', 'pid', 'pid'],
    ['ipc: host', 'ipc', 'ipc'],
    ['ipc: "container:x"', 'ipc', 'ipc'],
    ['uts: host', 'uts', 'uts'],
    ['userns_mode: host', 'userns_mode', 'userns_mode'],
    ['cgroup: host', 'cgroup', 'cgroup'],
    ['cgroup_parent: /x', 'cgroup_parent', 'cgroup'],
    ['network_mode: host', 'network_mode', 'network_mode'],
    ['network_mode: bridge', 'network_mode', 'network_mode'],
    ['network_mode: "container:x"', 'network_mode', 'network_mode'],
    ['cap_add: [SYS_ADMIN]', 'cap_add', 'cap_add'],
    ['devices: ["/dev/sda:/dev/sda"]', 'devices', 'devices'],
    ['gpus: all', 'gpus', 'devices'],
    ['device_cgroup_rules: ["c 1:3 mr"]', 'device_cgroup_rules', 'device_cgroup_rules'],
    [
      'deploy: { resources: { reservations: { devices: [{ capabilities: [gpu] }] } } }',
      'deploy.resources.reservations.devices',
      'devices',
    ],
    ['security_opt: ["apparmor:unconfined"]', 'security_opt', 'security_opt'],
    ['security_opt: [no-new-privileges, "seccomp=unconfined"]', 'security_opt', 'security_opt'],
    ['sysctls: { net.core.somaxconn: 1 }', 'sysctls', 'sysctls'],
    ['volumes_from: [db]', 'volumes_from', 'volumes_from'],
    ['use_api_socket: true', 'use_api_socket', 'docker_socket'],
    ['env_file: /etc/shadow', 'env_file', null],
    ['label_file: /etc/shadow', 'label_file', null],
    ['build: .', 'build', null],
    ['develop: { watch: [] }', 'develop', null],
    ['extends: { file: /etc/x.yml, service: y }', 'extends.file', null],
    ['provider: { type: x }', 'provider', null],
    ['post_start: [{ command: id, privileged: true }]', 'post_start', null],
    ['runtime: runc', 'runtime', null],
    ['storage_opt: { size: 1G }', 'storage_opt', null],
    ['oom_score_adj: -1000', 'oom_score_adj', null],
    ['credential_spec: { file: x }', 'credential_spec', null],
    ['logging: { driver: syslog }', 'logging.driver', null],
    ['labels: { tinyforge.workload.id: x }', 'labels.tinyforge.workload.id', null],
    ['labels: ["com.docker.compose.project=other"]', 'labels.com.docker.compose.project', null],
    ['labels: ["traefik.enable=true"]', 'labels.traefik.enable', null],
    ['volumes: [{ type: image, source: x, target: /x }]', 'volumes.0.type', null],
    ['networks: { default: { driver_opts: { a: b } } }', 'networks.default.driver_opts', null],
    ['constructor: x', 'constructor', null],
  ])('%s', (text, path, permission) => {
    const [at] = refused(service(text));
    expect(at).toBe(`services.web.${path}`);
    const others = PERMISSIONS.filter((each) => each !== permission);
    expect(refused(service(text), { granted: others })).toEqual([at]);
    if (permission !== null) expect(refused(service(text), { granted: [permission] })).toEqual([]);
  });

  it.each<[string, string, Permission | null]>([
    ['include: [other.yml]', 'include', null],
    ['networks: { x: { external: true } }', 'networks.x.external', 'external_networks'],
    ['networks: { x: { external: { name: y } } }', 'networks.x.external', 'external_networks'],
    ['networks: { x: { name: other_default } }', 'networks.x.name', 'external_networks'],
    ['networks: { tinyforge: { external: true } }', 'networks.tinyforge', null],
    ['networks: { x: { name: tf-12345678-private } }', 'networks.x', null],
    ['networks: { x: { driver: macvlan } }', 'networks.x.driver', 'network_drivers'],
    ['networks: { x: { driver_opts: { parent: eth0 } } }', 'networks.x.driver_opts', 'network_drivers'],
    ['volumes: { x: { driver: nfs } }', 'volumes.x.driver', 'volume_drivers'],
    [
      'volumes: { x: { driver_opts: { type: none, o: bind, device: /etc } } }',
      'volumes.x.driver_opts',
      'volume_drivers',
    ],
    ['secrets: { x: { file: /etc/shadow } }', 'secrets.x.file', null],
    ['configs: { x: { file: /etc/shadow } }', 'configs.x.file', null],
    ['secrets: { x: { external: true } }', 'secrets.x.external', null],
  ])('%s', (text, path, permission) => {
    const yaml = `services: { web: { image: x } }\n${text}`;
    expect(refused(yaml)).toEqual([path]);
    if (permission === null) expect(refused(yaml, { granted: PERMISSIONS })).toEqual([path]);
    else expect(refused(yaml, { granted: [permission] })).toEqual([]);
  });

  it('comes through anchors and merges all the same', () => {
    expect(refused('x-a: &a { privileged: true }\nservices: { web: { <<: *a, image: x } }')).toEqual([
      'services.web.privileged',
    ]);
  });

  it('waits for the value of a variable, but never for that of a file to be read', () => {
    const early = { isFinal: false };
    expect(refused(service('privileged: "${P:-true}"'), early)).toEqual([]);
    expect(refused(service('privileged: "${P:-true}"'))).toEqual(['services.web.privileged']);
    expect(refused(service('env_file: "${P:-/etc/shadow}"'), early)).toEqual(['services.web.env_file']);
    expect(refused('services: {web: {image: x}}\nsecrets: {s: {file: "$P"}}', early)).toEqual(['secrets.s.file']);
  });

  it('is nothing of what a usual file says', () => {
    const yaml = `
services:
  web:
    image: ghcr.io/acme/shop:1
    command: ["serve"]
    environment: { A: b }
    ports: ["8080:80"]
    volumes: ["data:/data", { type: tmpfs, target: /tmp }]
    networks: { default: { aliases: [shop] } }
    depends_on: { db: { condition: service_healthy } }
    healthcheck: { test: [CMD, "true"] }
    deploy: { replicas: 2, resources: { limits: { cpus: "0.5", memory: 64M } } }
    logging: { driver: json-file, options: { max-size: 1m } }
    labels: { org.example: x }
    security_opt: ["no-new-privileges:true"]
    privileged: false
    cap_add: []
    cap_drop: [ALL]
    network_mode: none
    x-own: { anything: goes }
  db: { image: postgres }
volumes: { data: { labels: { a: b } } }
networks: { default: { name: shop_default, driver: bridge, internal: true } }
secrets: { token: { environment: TOKEN } }
`;
    expect(refused(yaml)).toEqual([]);
  });
});
