import { deployment, type DeploymentRequest } from '#domain/deployment';
import { TerminalError } from '#domain/errors';
import type { Env, Policy } from '#domain/workload';
import { checkConfig } from '#plugins/config';
import { refsIn } from '#plugins/secret';
import type { Artifact, Release, Source } from '#plugins/source';
import type { Secrets } from '#store/secrets';
import type { Store } from '#store/store';

export interface LoadedRelease {
  readonly release: Release;
  /** Plain values of the secrets in it, to be kept out of logs. */
  readonly secretValues: readonly string[];
  /** Variables that cannot be decrypted and were left out. */
  readonly skippedEnv: readonly string[];
}

export interface Opening {
  readonly secrets: Secrets;
  readonly undecryptableEnv: Policy['undecryptableEnv'];
}

/** The release of a request, its secrets opened. Throws `secret-unreadable`, naming the variable, where none may be left out. */
export async function openRelease(
  request: DeploymentRequest,
  source: Source,
  { secrets, undecryptableEnv }: Opening,
): Promise<LoadedRelease> {
  const env: Record<string, string> = {};
  const secretValues: string[] = [];
  const skippedEnv: string[] = [];
  for (const [key, entry] of Object.entries(request.release.env)) {
    if ('value' in entry) env[key] = entry.value;
    else {
      const mayMiss = entry.optional || undecryptableEnv === 'skip';
      const plain = await openVariable(key, { ref: entry.secret, mayMiss }, secrets);
      if (plain === null) {
        skippedEnv.push(key);
        continue;
      }
      env[key] = plain;
      secretValues.push(plain);
    }
  }
  secretValues.push(...(await configSecrets(request, secrets)));
  return { release: { ...releaseOf(request, source), env }, secretValues, skippedEnv };
}

/**
 * The release that serves now, pinned by what it found out; with its variables only where the source may have to bring it
 * back. What cannot be decrypted any more is left out.
 */
export async function previousRelease(
  store: Store,
  deploymentId: string | null,
  { source, secrets }: { readonly source: Source; readonly secrets: Secrets },
): Promise<(Pick<LoadedRelease, 'secretValues'> & { readonly release: Release }) | null> {
  if (deploymentId === null) return null;
  const { state } = await store.load(deployment, deploymentId);
  if (state.request === null) return null;
  const opened = source.restoresPrevious
    ? await openRelease(state.request, source, { secrets, undecryptableEnv: 'skip' })
    : null;
  const { artifact, ...release } = releaseOf(state.request, source);
  const images = state.facts['images'] as Artifact['images'];
  return {
    release: { ...release, env: opened?.release.env ?? {}, artifact: { ...artifact, ...(images && { images }) } },
    secretValues: opened?.secretValues ?? [],
  };
}

function releaseOf(request: DeploymentRequest, source: Source): Release {
  const { workloadId, workloadName, id, release } = request;
  const { value: config, errors } = checkConfig(source.config, release.config);
  if (errors[0] !== undefined) {
    throw new TerminalError(
      'invalid-config',
      `The release's config is not valid: ${errors[0].pointer} ${errors[0].detail}`,
    );
  }
  return {
    workloadId,
    workloadName,
    deploymentId: id,
    artifact: release.artifact,
    config,
    faces: release.faces,
    env: {},
    volumes: release.volumes ?? [],
  };
}

/** Opened to be kept out of logs; whoever needs one that cannot be opened says so then. */
async function configSecrets({ release }: DeploymentRequest, secrets: Secrets): Promise<readonly string[]> {
  const values: string[] = [];
  for (const ref of refsIn(release.config)) {
    const plain = await secrets.open(ref).catch((error: unknown) => {
      if (error instanceof TerminalError) return null;
      throw error;
    });
    if (plain !== null) values.push(plain);
  }
  return values;
}

async function openVariable(
  key: string,
  { ref, mayMiss }: { ref: Extract<Env[string], { secret: unknown }>['secret']; mayMiss: boolean },
  secrets: Secrets,
): Promise<string | null> {
  try {
    return await secrets.open(ref);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    if (mayMiss) return null;
    throw new TerminalError(
      'secret-unreadable',
      `Variable ${key} cannot be decrypted. Set it again, or mark it as optional.`,
      'operator',
    );
  }
}
