import type { HealthCheck } from '#runtime/health';

export interface Greeting {
  readonly apiUrl: string;
  readonly ingressUrl: string;
  /** Null once there is an admin. */
  readonly setupLink: string | null;
  readonly missing: readonly HealthCheck[];
}

/** What a person reads after the start. */
export function greeting({ apiUrl, ingressUrl, setupLink, missing }: Greeting): string {
  const lines = [
    '',
    'Tiny Forge is up.',
    `  API       ${apiUrl}/api`,
    `  Docs      ${apiUrl}/api/docs`,
    `  Webhooks  ${ingressUrl}/api/webhook/triggers/…`,
  ];
  if (setupLink !== null) lines.push(`  Set up    ${setupLink}   (once, within an hour)`);
  if (missing.length > 0) lines.push('', 'It is not ready for everything yet (see /readyz):');
  for (const { name, detail } of missing) lines.push(`  ${name}: ${detail}`);
  return `${lines.join('\n')}\n\n`;
}
