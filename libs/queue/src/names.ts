import type { Reaction, ReactionName } from '#domain/reactions';

/** What a job carries: the subject's id. Everything else is read from the log. */
export interface JobData {
  readonly id: string;
}

/** The queue a reaction goes through: `fan-out`, or the node's own (`deploy-<node>`, teardowns and removals too). */
export function queueName({ name, node }: Pick<Reaction, 'name' | 'node'>): string {
  if (name === 'fan-out') return 'fan-out';
  if (node === null) throw new Error(`A ${name} needs a node: only its workers hold that node's Docker.`);
  return `deploy-${node}`;
}

/** The same reaction to the same event in the same attempt is one job, however often it is added. */
export function jobId(name: ReactionName, eventId: string, attempt: number): string {
  return `${name}-${eventId}-${attempt}`;
}
