import { giteaVendor } from '../gitea-hooks.js';

export const gogs = giteaVendor({ name: 'gogs', title: 'Gogs', prefix: 'x-gogs', commitCap: 5 });
