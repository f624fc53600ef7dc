import type { DataSource } from 'typeorm';
import { Rejection } from '#domain/errors';
import { knownNodes } from './read-nodes.js';

/** Throws `unknown-node` with those that there are: a typing error would wait for ever. */
export async function requireNode(reads: DataSource, node: string, own: string): Promise<void> {
  const known = await knownNodes(reads, own);
  if (known.includes(node)) return;
  const names = known.join(', ');
  throw new Rejection(
    'unknown-node',
    `There is no node "${node}". Choose one of ${names}, or start a deploy worker with TINYFORGE_NODE=${node} first.`,
    [{ pointer: '/node', detail: `must be one of ${names}` }],
  );
}
