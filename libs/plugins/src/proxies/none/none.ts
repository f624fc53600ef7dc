import type { Proxy } from '../../source.js';

/** Published ports only: whatever stands in front reads the route files by itself. */
export const none: Proxy = {
  kind: 'none',
  followsFiles: true,
  render: () => ({}),
  apply: async () => false,
};
