import type { Pool } from 'pg';

export interface ChainHead {
  readonly position: string;
  /** Hex. Kept elsewhere, it shows later that the end of the log was cut off. */
  readonly hash: string;
}

export type ChainFault =
  'position-missing' | 'event-missing' | 'payload-changed' | 'hash-changed' | 'event-unnumbered' | 'tail-missing';

export type ChainReport =
  | { readonly intact: true; readonly head: ChainHead; readonly pruned: number }
  | {
      readonly intact: false;
      readonly fault: ChainFault;
      readonly position: string | null;
      readonly eventId: string | null;
    };

interface Link {
  readonly position: string;
  readonly event_id: string;
  readonly is_present: boolean;
  readonly is_pruned: boolean;
  readonly is_same: boolean;
  readonly is_linked: boolean;
  readonly hash: string;
}

const CHUNK = 5000;
const LINKS = `select p.position, p.event_id, e.id is not null as is_present, g.event_id is not null as is_pruned,
    e.id is null or log.payload_hash(e) = p.payload_hash as is_same,
    p.hash = log.chain(p.payload_hash, decode($2, 'hex')) over (order by p.position) as is_linked,
    encode(p.hash, 'hex') as hash
  from (select * from log.position where position > $1 order by position limit ${CHUNK}) p
  left join log.event e on e.id = p.event_id
  left join log.pruned g on g.event_id = p.event_id
  order by p.position`;

/** Checks every event against the hash chain and reports the first fault. `known` is a head that was noted earlier. */
export async function verifyChain(pool: Pool, known?: ChainHead): Promise<ChainReport> {
  let head: ChainHead = { position: '0', hash: '' };
  let pruned = 0;
  for (;;) {
    const { rows } = await pool.query<Link>(LINKS, [head.position, head.hash]);
    for (const link of rows) {
      const fault = faultOf(link, head) ?? (known && isCut(link, known) ? 'hash-changed' : null);
      if (fault) return { intact: false, fault, position: link.position, eventId: link.event_id };
      if (link.is_pruned) pruned += 1;
      head = { position: link.position, hash: link.hash };
    }
    if (rows.length < CHUNK) break;
  }
  if (known && BigInt(known.position) > BigInt(head.position)) {
    return { intact: false, fault: 'tail-missing', position: head.position, eventId: null };
  }
  const unnumbered = await firstUnnumbered(pool);
  if (unnumbered) return { intact: false, fault: 'event-unnumbered', position: null, eventId: unnumbered };
  return { intact: true, head, pruned };
}

function faultOf(link: Link, before: ChainHead): ChainFault | null {
  if (BigInt(link.position) !== BigInt(before.position) + 1n) return 'position-missing';
  if (!link.is_present && !link.is_pruned) return 'event-missing';
  if (!link.is_same) return 'payload-changed';
  return link.is_linked ? null : 'hash-changed';
}

function isCut(link: Link, known: ChainHead): boolean {
  return link.position === known.position && link.hash !== known.hash;
}

/** An event that lost its position: it is neither numbered nor waiting for a number. */
async function firstUnnumbered(pool: Pool): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(
    `select e.id from log.event e
      where not exists (select from log.position p where p.event_id = e.id)
        and not exists (select from log.unsequenced u where u.event_id = e.id)
      order by e.id limit 1`,
  );
  return rows[0]?.id ?? null;
}
