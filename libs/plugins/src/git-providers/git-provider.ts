/** What is asked for: a commit by its whole id, or what a branch or tag points at now. */
export type CommitWish = { readonly sha: string } | { readonly branch: string } | { readonly tag: string };

/** How one kind of server is asked over its REST API. Plain: no request is made here. */
export interface GitProvider {
  /** Stored string; never renamed. */
  readonly kind: string;
  readonly title: string;
  /** Of its web pages; null = each installation has its own. */
  readonly defaultBaseUrl: string | null;
  /** Owners may stand in owners: `group/subgroup`. */
  readonly hasGroups: boolean;
  /** Without a slash at its end. `baseUrl` has none, either. */
  apiUrl(baseUrl: string): string;
  /** A token goes into a header and nowhere else: addresses end up in logs. */
  headers(token: string | null): Readonly<Record<string, string>>;
  /** Paths are below the API's address. */
  commit(repository: string, wish: CommitWish): CommitRequest;
  /** Of a gzipped tar with one directory at its root. */
  archivePath(repository: string, sha: string): string;
}

export interface CommitRequest {
  readonly path: string;
  readonly accept?: string;
  /** The commit's id in the answer's body; null when it has none. */
  readonly read: (body: string) => string | null;
}

/** Each part on its own: a slash in a branch is a slash of the path. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** A string at that place of a JSON document; null for everything else. */
export function stringAt(body: string, ...path: readonly string[]): string | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return null;
    value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  return typeof value === 'string' ? value : null;
}
