import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { expect } from 'vitest';
import type { Container, ContainerSpec, Docker } from '#docker/docker';

/** What an implementation brings to be held to the contract of `Docker`. */
export interface DockerUnderTest {
  readonly docker: Docker;
  /** On the host. Serves http on 8080 and says "demo 1 listens"; `exits` ends with code 3 after a line on stderr. */
  readonly images: { readonly ok: string; readonly exits: string; readonly checked: string };
  /** Not on the host, in a registry: by tag, and by digest. */
  readonly remote: { readonly tag: string; readonly digest: string };
  readonly absent: { readonly local: string; readonly remote: string };
  /** Drops the remote image from the host again. */
  forget(): Promise<void>;
  removeImage(reference: string): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  /** A network made by somebody else. */
  foreignNetwork(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Where the contract's specifications work: what they make here is gone after each of them. */
export class Bench {
  under!: DockerUnderTest;
  readonly network = unique('tf-conf-net');
  readonly containers: string[] = [];
  readonly networks: string[] = [];
  readonly volumes: string[] = [];

  get docker(): Docker {
    return this.under.docker;
  }

  async open(make: () => Promise<DockerUnderTest>): Promise<void> {
    this.under = await make();
    await this.docker.ensureNetwork({ name: this.network, labels: {}, interContainer: false });
  }

  async clear(): Promise<void> {
    for (const id of this.containers.splice(0)) await this.docker.removeContainer(id);
    for (const each of this.volumes.splice(0)) await this.docker.removeVolume(each);
    for (const each of this.networks.splice(0)) await this.under.removeNetwork(each);
    await this.under.forget();
  }

  async close(): Promise<void> {
    await this.under?.removeNetwork(this.network);
    await this.under?.close();
  }

  specOf(extra: Partial<ContainerSpec> = {}): ContainerSpec {
    const labels = { 'tinyforge.deployment.id': unique('d'), 'tinyforge.workload.id': 'w1' };
    const plain = { env: {}, command: null, ports: [], cpuLimit: null, memoryLimit: null, restart: 'no' as const };
    return { name: unique('tf-conf'), image: this.under.images.ok, labels, network: this.network, ...plain, ...extra };
  }

  async create(spec: ContainerSpec): Promise<string> {
    const { id } = await this.docker.createContainer(spec);
    this.containers.push(id);
    return id;
  }

  async run(extra: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.create(this.specOf(extra));
    await this.docker.startContainer(id);
    return id;
  }

  async inspect(id: string): Promise<Container> {
    const found = await this.docker.inspectContainer(id);
    if (!found) throw new Error(`No container ${id}`);
    return found;
  }

  async ended(id: string): Promise<void> {
    await expect.poll(() => this.docker.inspectContainer(id), { timeout: 10_000 }).toMatchObject({ running: false });
  }
}

/** Resolves once the container has said it. */
export async function logged(docker: Docker, id: string, text: string): Promise<void> {
  const said = async () => (await docker.tailLogs(id, 20)).map(({ line }) => line);
  await expect.poll(said, { timeout: 10_000 }).toContain(text);
}

export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

/** Null while nobody answers. */
export async function bodyOf(url: string): Promise<string | null> {
  return fetch(url).then(
    (answer) => answer.text(),
    () => null,
  );
}
