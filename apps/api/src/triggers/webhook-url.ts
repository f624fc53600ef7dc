import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#runtime/config';
import { endpointUrl } from '#runtime/endpoints';

/** Where a vendor sends to. Without a public address: what works on this host. */
export function webhookUrl(config: Config, secret: string): string {
  return `${config.publicIngressUrl ?? localIngressUrl(config)}/api/webhook/triggers/${secret}`;
}

/** Port 0 was any free one: the ingress tells where it listens in its endpoints file. */
function localIngressUrl({ dataDir, bind, ingressPort }: Config): string {
  const published = ingressPort === 0 ? publishedIngressUrl(join(dataDir, 'endpoints')) : null;
  return published ?? endpointUrl({ host: bind, port: ingressPort });
}

interface Published {
  readonly startedAt: string;
  readonly urls: Readonly<Record<string, string>>;
}

function publishedIngressUrl(folder: string): string | null {
  const files = readdirOrNone(folder).filter((name) => name.endsWith('.json'));
  const published = files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Published);
  const newest = published
    .filter(({ urls }) => urls['ingress'])
    .sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
  return newest?.urls['ingress'] ?? null;
}

function readdirOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
