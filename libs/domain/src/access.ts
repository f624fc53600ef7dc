/** Roles, each able to do all that the ones before it can. */
export const ROLES = ['viewer', 'deployer', 'editor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function isAtLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
