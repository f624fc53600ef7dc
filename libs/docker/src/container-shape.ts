import type Dockerode from 'dockerode';
import type { Container, ContainerSpec, ContainerSummary, Mount } from './docker.js';
import { instantOf } from './images.js';

const MIB = 1024 * 1024;

/**
 * What the engine is told, built from our typed spec alone: no field of a user's reaches HostConfig by itself. No init
 * process is put in front: images that bring their own (s6) refuse to run as anything but process 1.
 */
export function optionsOf(spec: ContainerSpec): Dockerode.ContainerCreateOptions {
  const ports = spec.ports.map((port) => ({ name: `${port.container}/tcp`, host: String(port.host) }));
  return {
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    ...(spec.command && { Cmd: [...spec.command] }),
    ExposedPorts: Object.fromEntries(ports.map(({ name }) => [name, {}])),
    ...(spec.alias !== undefined && {
      NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: [spec.alias] } } },
    }),
    HostConfig: {
      NetworkMode: spec.network,
      PortBindings: Object.fromEntries(
        ports.map(({ name, host }) => [name, [{ HostIp: '127.0.0.1', HostPort: host }]]),
      ),
      RestartPolicy: { Name: spec.restart },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      ...(spec.mounts?.length && { Mounts: spec.mounts.map(mountOf) }),
      ...(spec.cpuLimit !== null && { NanoCpus: Math.round(spec.cpuLimit * 1e9) }),
      // The same for memory and swap together: no swap on top of the limit.
      ...(spec.memoryLimit !== null && { Memory: spec.memoryLimit * MIB, MemorySwap: spec.memoryLimit * MIB }),
    },
  };
}

function mountOf(mount: Mount): Dockerode.MountSettings {
  if (mount.type === 'tmpfs') return { Type: 'tmpfs', Source: '', Target: mount.target };
  const { type, source, target, readOnly } = mount;
  return { Type: type, Source: source, Target: target, ReadOnly: readOnly };
}

export function containerOf(info: Dockerode.ContainerInspectInfo): Container {
  const { State: state } = info;
  const hasEnded = ['exited', 'dead', 'restarting'].includes(state.Status);
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    image: info.Config.Image,
    state: state.Status as Container['state'],
    labels: info.Config.Labels ?? {},
    imageId: info.Image,
    createdAt: instantOf(info.Created) ?? info.Created,
    running: state.Running,
    exitCode: hasEnded ? state.ExitCode : null,
    oomKilled: state.OOMKilled,
    restartCount: info.RestartCount,
    health: healthOf(state.Health?.Status),
    startedAt: instantOf(state.StartedAt),
    hostPorts: hostPortsOf(info),
  };
}

export function summaryOf(info: Dockerode.ContainerInfo): ContainerSummary {
  // A linked container has names below others' too.
  const name = info.Names.map((each) => each.replace(/^\//, '')).find((each) => !each.includes('/')) ?? '';
  return {
    id: info.Id,
    name,
    image: info.Image,
    state: info.State as ContainerSummary['state'],
    labels: info.Labels ?? {},
    imageId: info.ImageID,
    createdAt: new Date(info.Created * 1000).toISOString(),
    running: ['running', 'paused', 'restarting'].includes(info.State),
    ...readStatus(info.Status),
  };
}

/** A list tells these in words only: `Up 3 minutes (unhealthy)`, `Exited (137) 2 hours ago`. */
function readStatus(status: string): Pick<ContainerSummary, 'exitCode' | 'health'> {
  const exitCode = /^(?:Exited|Restarting) \((\d+)\)/.exec(status)?.[1];
  const health = /^Up .*\((?:health: )?(starting|healthy|unhealthy)\)/.exec(status)?.[1];
  return { exitCode: exitCode === undefined ? null : Number(exitCode), health: healthOf(health) };
}

function healthOf(status: string | undefined): Container['health'] {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : 'none';
}

/** Loopback first; an adopted container may publish on every address, which answers on loopback too. */
function hostPortsOf(info: Dockerode.ContainerInspectInfo): Record<number, number> {
  const found: Record<number, number> = {};
  for (const [name, bindings] of Object.entries(info.NetworkSettings.Ports ?? {})) {
    const [port, protocol] = name.split('/');
    const on = (address: string) => bindings?.find((binding) => binding.HostIp === address);
    const binding = on('127.0.0.1') ?? on('0.0.0.0') ?? on('');
    if (protocol === 'tcp' && binding?.HostPort) found[Number(port)] = Number(binding.HostPort);
  }
  return found;
}
