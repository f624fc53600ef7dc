import { IsString } from 'class-validator';
import type { Artifact, Ref, Release, ResolveIo, Source, Step } from '#plugins/source';

export class CrateConfig {
  @IsString()
  image: string = 'depot.test/crate';
}

export interface CrateBehaviour {
  resolve?(ref: Ref, io: ResolveIo): Promise<Artifact>;
  /** The one step: it switches, and that is all. */
  ship?(release: Release<CrateConfig>): Promise<void>;
}

export interface CrateSource extends Source<CrateConfig> {
  /** Keys of what was resolved, in that order. */
  readonly resolved: readonly string[];
  /** Names of the workloads that were shipped, in that order. */
  readonly shipped: readonly string[];
}

/** A source that needs neither Docker nor a registry: it takes pushes of its own image. */
export function crateSource(behaviour: CrateBehaviour = {}): CrateSource {
  const resolved: string[] = [];
  const shipped: string[] = [];
  const ship: Step = { name: 'ship', commit: true, run: async () => ({}) };
  return {
    resolved,
    shipped,
    kind: 'crate',
    title: 'Crate',
    config: CrateConfig,
    sample: new CrateConfig(),
    own: ({ image }) => ({ image, repo: null }),
    reference({ image: asked }, { image }) {
      if (asked?.repository !== undefined && asked.repository !== image) {
        return { skip: 'other-repository', reason: `This workload runs ${image}.` };
      }
      const [host = '', ...path] = image.split('/');
      const version = { tag: asked?.tag ?? 'latest', digest: asked?.digest ?? null };
      return {
        kind: 'crate',
        key: `${image}:${version.tag}`,
        host,
        repository: path.join('/'),
        ...version,
        registryName: null,
        remote: true,
      };
    },
    resolve(ref, io) {
      resolved.push(ref.key);
      return behaviour.resolve ? behaviour.resolve(ref, io) : Promise.resolve(artifactOf(ref));
    },
    plan: (release) => ({
      steps: [
        {
          ...ship,
          run: async () => {
            await behaviour.ship?.(release);
            shipped.push(release.workloadName);
            return {};
          },
        },
      ],
      downtime: { class: 'none', reasons: [] },
    }),
    observe: () => ({ state: 'running', detail: '' }),
    teardown: ({ workloadName }) => [{ name: 'unship', run: async () => (shipped.push(`gone ${workloadName}`), {}) }],
  };
}

export function artifactOf({ kind, host, repository, tag, digest }: Ref): Artifact {
  return { kind, repository: `${host}/${repository}`, tag, digest: digest ?? `sha256:${'c'.repeat(64)}` };
}
