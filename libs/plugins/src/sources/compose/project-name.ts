import { id8 } from '#domain/naming';

const LONGEST = 63;

/** The name of the project as Compose takes it; what is left of nothing is the workload's own. */
export function projectName(asked: string | null, workload: { readonly id: string; readonly name: string }): string {
  const name = sanitise(asked ?? '');
  return name === '' ? `${workload.name}-${id8(workload.id)}` : name;
}

/** Lower-case letters, digits, `_` and `-`, a letter or digit first: the grammar that both CLI generations share. */
export function sanitise(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, LONGEST)
    .replace(/[-_]+$/, '');
}
