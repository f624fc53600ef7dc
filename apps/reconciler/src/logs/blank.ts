import type { Pool } from 'pg';
import { TerminalError } from '#domain/errors';
import type { SecretRef } from '#domain/secret-ref';
import type { Secrets } from '#store/secrets';

/** Shorter ones would blank words of everybody's language. */
const LEAST = 4;
const BLANK = '•••';

/**
 * How to blank the secrets of a deployment's release in a line. One of several lines is blanked line by line. Throws
 * while the database is away: nothing is shown unblanked instead.
 */
export async function createBlank(
  { pool, secrets }: { readonly pool: Pool; readonly secrets: Secrets },
  deploymentId: string | null,
): Promise<(line: string) => string> {
  const { rows } = await pool.query<{ ref: SecretRef }>(
    `select ref from view.deployment d,
      jsonb_path_query(d.release, '$.** ? (exists (@.secretId) && exists (@.fingerprint))') ref where d.id = $1`,
    [deploymentId],
  );
  const known = new Set<string>();
  for (const { ref } of rows) for (const part of partsOf(await open(secrets, ref))) known.add(part);
  // The longest first: one may hold another.
  const values = [...known].sort((a, b) => b.length - a.length);
  if (values.length === 0) return (line) => line;
  return (line) => values.reduce((text, value) => text.replaceAll(value, BLANK), line);
}

/** One that nobody can open cannot be in the container either: its deployment would have failed. */
async function open(secrets: Secrets, ref: SecretRef): Promise<string> {
  try {
    return await secrets.open(ref);
  } catch (error) {
    if (error instanceof TerminalError) return '';
    throw error;
  }
}

function partsOf(secret: string): readonly string[] {
  return secret.split(/\r?\n/).filter((part) => part.length >= LEAST);
}
