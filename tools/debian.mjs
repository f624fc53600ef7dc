import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Installing what a Debian or Ubuntu host lacks. Built-ins only. */

const APT_MS = 15 * 60_000;

export function mayInstall() {
  return process.getuid?.() === 0 && onPath('apt-get');
}

/** Returns the packages that are still missing afterwards. Units that come with them are switched off: we start our own. */
export function installPackages(names) {
  const missing = names.filter((name) => !isPresent(name));
  if (missing.length === 0 || !mayInstall()) return missing;
  console.log(`Installing ${missing.join(', ')} (apt-get) …`);
  const options = { stdio: 'inherit', timeout: APT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], options).status === 0;
  if (!install()) {
    spawnSync('apt-get', ['update'], options);
    install();
  }
  for (const name of missing) switchOff(name);
  return missing.filter((name) => !isPresent(name));
}

export function onPath(command) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean);
  return folders.some((folder) => existsSync(join(folder, command)));
}

/** By its program, so that one from another source counts too; busybox-static has the program of busybox. */
function isPresent(name) {
  const program = {
    'docker.io': 'dockerd',
    'redis-server': 'redis-server',
    caddy: 'caddy',
    'docker-compose': 'docker-compose',
  }[name];
  if (program) return onPath(program);
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' });
  return (stdout ?? '').includes('ok installed');
}

/** Debian starts what it installs: a Caddy on port 80 and a Redis on 6379 that nobody asked for. */
function switchOff(name) {
  const unit = { caddy: 'caddy', 'redis-server': 'redis-server', 'docker-registry': 'docker-registry' }[name];
  if (unit && existsSync('/run/systemd/system'))
    spawnSync('systemctl', ['disable', '--now', unit], { stdio: 'ignore' });
}
