import { giteaVendor } from '../gitea-hooks.js';

/** Lists FEED_MAX_COMMIT_NUM commits, 5 by default. */
export const gitea = giteaVendor({ name: 'gitea', title: 'Gitea', prefix: 'x-gitea', commitCap: 5 });
