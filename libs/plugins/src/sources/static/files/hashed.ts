const ASSET = /\.(?:avif|css|gif|ico|jpe?g|js|map|mjs|mp[34]|otf|png|svg|ttf|wasm|webm|webp|woff2?)$/;
/** Folders that bundlers write hashed names to. */
const BUNDLED = /(?:^|\/)(?:assets|static|chunks|_next|_astro|_nuxt|immutable)\//;

/**
 * True where a name holds a hash of its content, so that it may be kept for ever: `app.3f2a1b4c.js` anywhere, and
 * `index-BxY3_z1a.js` where bundlers put theirs. A date or a word is none.
 */
export function isHashed(path: string): boolean {
  if (!ASSET.test(path)) return false;
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.map$/, '');
  const hash = /[.-]([A-Za-z0-9_-]{8,64})\.[a-z0-9]+$/.exec(name)?.[1];
  if (hash === undefined) return false;
  const last = /(?:^|[.-])([0-9a-f]{8,64})$/.exec(hash)?.[1];
  if (last !== undefined && /[0-9]/.test(last) && /[a-f]/.test(last)) return true;
  const tail = hash.slice(-8);
  return (
    BUNDLED.test(path) && /[A-Za-z]/.test(tail) && (/[0-9]/.test(tail) || (/[a-z]/.test(tail) && /[A-Z]/.test(tail)))
  );
}
