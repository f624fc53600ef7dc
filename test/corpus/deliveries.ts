import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawRequest } from '#plugins/inbound';

/** One recorded or derived delivery and what a reader has to make of it. */
export interface Delivery {
  readonly file: string;
  readonly vendor: string;
  readonly scored: boolean;
  readonly request: RawRequest;
  readonly expected: Expected;
}

export interface Expected {
  readonly kind: string;
  readonly acceptable?: readonly string[];
  readonly events?: readonly Expected[];
  readonly taggedOnly?: boolean;
  readonly scoreDigest?: boolean;
  readonly registry?: string | null;
  readonly repository?: string;
  readonly tag?: string | null;
  readonly digest?: string | null;
  readonly artifactType?: string;
  readonly repo?: string | null;
  readonly ref?: string;
  readonly refType?: string;
  readonly branch?: string;
  readonly sha?: string | null;
  readonly objectSha?: string;
  readonly before?: string | null;
  readonly created?: boolean;
  readonly paths?: readonly string[] | null;
  readonly pathsComplete?: boolean;
  readonly pusher?: string | null;
}

/** Reads a folder with a `MANIFEST.jsonl`, bodies, `*.headers.json` and `*.expect.json`. */
export function readDeliveries(folder: string): readonly Delivery[] {
  const lines = readFileSync(join(folder, 'MANIFEST.jsonl'), 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const entry = JSON.parse(line) as { file: string; vendor: string; scored: boolean };
    const stem = join(folder, entry.file.replace(/\.(?:json|form|bin)$/, ''));
    const headers = readJson(`${stem}.headers.json`) as Record<string, string>;
    return {
      ...entry,
      request: {
        method: 'POST',
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: readFileSync(join(folder, entry.file)),
      },
      expected: readJson(`${stem}.expect.json`) as Expected,
    };
  });
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
