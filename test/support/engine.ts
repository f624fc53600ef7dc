import { startEngine } from '../../tools/engine.mjs';

/** Short: the socket's path must fit into 107 bytes. Shared by all test processes of this host. */
const FOLDER = '/var/lib/tiny-forge-test';

let found: Promise<string> | null = null;

/** The DOCKER_HOST of an engine that answers: a running one, else our own, started once by whichever process asks first. */
export function ensureEngine(): Promise<string> {
  found ??= startEngine({ folder: FOLDER }).then(({ host }) => host);
  return found;
}
