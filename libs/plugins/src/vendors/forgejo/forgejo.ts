import { giteaVendor } from '../gitea-hooks.js';

/** Lists FEED_MAX_COMMIT_NUM commits, 15 by default. */
export const forgejo = giteaVendor({ name: 'forgejo', title: 'Forgejo', prefix: 'x-forgejo', commitCap: 15 });
