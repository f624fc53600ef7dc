import { nameOf, parseReference } from '#plugins/oci/reference';
import { listTags, resolveTag } from '#plugins/oci/registry-client';
import type { ImagePush } from '../../inbound.js';
import type { Candidate, PollIo, Polling } from '../../trigger.js';
import { compareRanks, rankOf, type Rank } from './rank.js';
import type { RegistryTriggerConfig } from './registry-trigger.config.dto.js';

/** Null where nothing is polled, or no image is known to ask for. */
export function polling(config: RegistryTriggerConfig): Polling | null {
  const image = config.image === null ? null : parseReference(config.image);
  if (config.poll === null || image === null) return null;
  const { everySeconds, jitter } = config.poll;
  const followed = config.select.policy === 'exact' || config.select.policy === 'digest' ? config.select.tag : null;
  return {
    key: followed === null ? nameOf(image) : `${nameOf(image)}:${followed}`,
    everySeconds,
    jitter,
    poll: async (io) => {
      const at = { registry: image.registry, repository: image.repository };
      const tag = followed ?? best(await tagsOf(at, io), config);
      return tag === null ? [] : [await headOf({ ...at, tag }, io)];
    },
  };
}

interface Place {
  readonly registry: string;
  readonly repository: string;
}

function tagsOf({ registry, repository }: Place, io: PollIo): Promise<readonly string[]> {
  return io.once(`tags ${registry}/${repository}`, async () =>
    listTags(io, { access: await io.registry(registry, null), repository }),
  );
}

/** A HEAD, which no registry counts as a pull; one for each tag, however many ask. */
function headOf({ registry, repository, tag }: Place & { readonly tag: string }, io: PollIo): Promise<Candidate> {
  return io.once(`head ${registry}/${repository}:${tag}`, async () => {
    const digest = await resolveTag(io, { access: await io.registry(registry, null), repository }, tag);
    const event: ImagePush = { kind: 'image-push', registry, repository, tag, digest };
    return { event, createdAt: null };
  });
}

/** The highest tag that fits, by the very ranking that pushes get. */
function best(tags: readonly string[], { select }: RegistryTriggerConfig): string | null {
  let found: { tag: string; rank: Rank } | null = null;
  for (const tag of tags) {
    const event: ImagePush = { kind: 'image-push', registry: null, repository: '', tag, digest: null };
    const rank = rankOf({ event, createdAt: null }, select);
    if ('by' in rank && (found === null || compareRanks(rank, found.rank) > 0)) found = { tag, rank };
  }
  return found?.tag ?? null;
}
