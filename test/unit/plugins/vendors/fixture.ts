import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RawRequest } from '#plugins/inbound';

export interface Fixture {
  readonly name: string;
  readonly vendor: string;
  readonly about: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly deliveryId: string | null;
  readonly expect: { readonly kind: string; readonly events?: readonly unknown[]; readonly deadLetter?: boolean };
}

const folder = new URL('../../../fixtures/webhooks/', import.meta.url).pathname;

export const FIXTURES: readonly Fixture[] = readdirSync(folder).flatMap((vendor) =>
  readdirSync(join(folder, vendor)).map((file) => ({
    ...(JSON.parse(readFileSync(join(folder, vendor, file), 'utf8')) as Fixture),
    name: `${vendor}/${file.replace('.json', '')}`,
    vendor,
  })),
);

export function fixture(name: string): Fixture {
  const found = FIXTURES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return found;
}

export function requestOf(one: Fixture): RawRequest {
  return request(JSON.stringify(one.body), one.headers);
}

export function request(body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): RawRequest {
  return { method: 'POST', headers, body: typeof body === 'string' ? Buffer.from(body) : body };
}
