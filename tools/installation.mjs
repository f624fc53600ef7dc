import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Brings a clone to the point where its code can run: packages installed, sources built, Node 24 found.
 * Runs before anything is installed: Node 20, built-ins only.
 */

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const stampFile = join(root, 'dist', 'built-from');

/** What a build is made of. */
const BUILT_FROM = ['apps', 'libs', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const STATIC = /\.(html|css|svg|js|json|sql)$/;

export function ensureInstalled() {
  if (isInstalled()) return;
  console.log('Installing packages (npm ci) …');
  const npm = process.env.npm_execpath;
  // npm names itself while it runs a script; without it, whatever is on PATH.
  const [file, argv] = npm?.endsWith('.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']];
  const { status, error } = spawnSync(file, argv, { cwd: root, stdio: 'inherit' });
  if (status !== 0)
    throw new Error(
      `npm ci failed${error ? ` (${error.message})` : ''}: see its output above, mend that and try again.`,
    );
}

export function ensureBuilt() {
  if (readText(stampFile) === sourceFingerprint()) return;
  console.log('Building …');
  runNode(['tools/build.mjs']);
}

/** Runs a program of ours with Node 24 and waits; throws when it fails. */
export function runNode(argv, options = {}) {
  const { status, signal } = spawnSync(nodeBinary(), argv, { cwd: root, stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${argv[0]} ended with ${signal ?? `code ${status}`}.`);
}

/** The Node that package-lock.json pins, else the one that runs this, when it is new enough. */
export function nodeBinary() {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major === 24 && minor >= 11) return process.execPath;
  throw new Error(
    `Node 24.11 or newer is needed, and this is ${process.version}. Install Node 24 (https://nodejs.org) and try again.`,
  );
}

/** Names, sizes and times: a tenth of a second cheaper than contents, and a touched file costs one build at most. */
export function sourceFingerprint() {
  const hash = createHash('sha256');
  for (const path of BUILT_FROM) addTo(hash, join(root, path));
  return hash.digest('hex');
}

export function isStatic(name) {
  return STATIC.test(name);
}

function isInstalled() {
  const installed = modified(join(root, 'node_modules', '.package-lock.json'));
  return installed !== null && installed >= (modified(join(root, 'package-lock.json')) ?? 0);
}

function addTo(hash, path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory()) hash.update(`${path}\0${found.size}\0${found.mtimeMs}\n`);
  else for (const name of readdirSync(path).sort()) if (name !== 'node_modules') addTo(hash, join(path, name));
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
