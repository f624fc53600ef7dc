import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEngine, stopPid } from '../../tools/engine.mjs';

/** Short: the socket's path must fit into 107 bytes. Shared by all test processes of this host. */
const FOLDER = '/var/lib/tiny-forge-test';

let found: Promise<string> | null = null;

/** The DOCKER_HOST of an engine that answers: a running one, else our own, started once by whichever process asks first. */
export function ensureEngine(): Promise<string> {
  found ??= startEngine({ folder: FOLDER }).then(({ host }) => host);
  return found;
}

/** Ends the engine that `ensureEngine` started, in this process or another; never one that was running before. */
export async function stopEngine(): Promise<void> {
  found = null;
  const pid = recordedPid();
  if (pid) await stopPid(pid);
}

function recordedPid(): number | null {
  try {
    return Number(readFileSync(join(FOLDER, 'docker.pid'), 'utf8')) || null;
  } catch {
    return null;
  }
}
