import type { GitProvider } from './git-provider.js';
import { gitea } from './gitea.js';
import { github } from './github.js';
import { gitlab } from './gitlab.js';

/** Every provider that ships. */
export const GIT_PROVIDERS: readonly GitProvider[] = [gitea, github, gitlab];

export function providerOf(kind: string): GitProvider {
  const found = GIT_PROVIDERS.find((provider) => provider.kind === kind);
  if (found === undefined) throw new Error(`no Git provider ${kind}`);
  return found;
}

/** Where a provider's API is asked. */
export function hostOf(kind: string, baseUrl: string): string {
  return new URL(providerOf(kind).apiUrl(baseUrl)).host;
}
