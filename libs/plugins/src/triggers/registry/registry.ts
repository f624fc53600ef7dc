import { nameOf, parseReference } from '#plugins/oci/reference';
import type { ImagePush, ManualFire } from '../../inbound.js';
import type { Accepted, Candidate, OwnSubject, Trigger, Verdict } from '../../trigger.js';
import { polling } from './poll.js';
import { compareRanks, rankAccepted, rankOf, type Misfit, type Rank } from './rank.js';
import { RegistryTriggerConfig } from './registry-trigger.config.dto.js';

export const registry: Trigger<RegistryTriggerConfig> = {
  kind: 'registry',
  title: 'Registry push or poll',
  config: RegistryTriggerConfig,
  sample: new RegistryTriggerConfig(),
  accepts: ['image-push', 'manual'],
  webhookByDefault: true,
  complete,
  match,
  polling,
  startsFromPoll: true,
};

type Push = Candidate & { readonly event: ImagePush };
interface Fit {
  readonly push: Push;
  readonly rank: Rank;
}

/** The workload's own image where the config names none; a tag of that name is not the trigger's business. */
function complete(config: RegistryTriggerConfig, own: OwnSubject): RegistryTriggerConfig {
  const reference = config.image !== null || own.image === null ? null : parseReference(own.image);
  return { ...config, image: reference === null ? config.image : nameOf(reference) };
}

/** Of all candidates that fit, the highest is compared with what was accepted last. */
function match(candidates: readonly Candidate[], config: RegistryTriggerConfig, last: Accepted | null): Verdict {
  const fire = candidates.map(({ event }) => event).find((event) => event.kind === 'manual');
  if (fire !== undefined) return matchManual(fire, config, last);
  const judged = candidates.filter(isPush).map((push) => judge(push, config));
  const fits = judged.filter((one): one is Fit => 'push' in one);
  const best = fits.reduce<Fit | null>((a, b) => (a === null || compareRanks(b.rank, a.rank) > 0 ? b : a), null);
  if (best !== null) return decide(best, config, last);
  const misfit = judged.find((one): one is Misfit => 'code' in one);
  return filtered(misfit ?? { code: 'no-candidate', reason: 'there is no image to judge' });
}

function isPush(candidate: Candidate): candidate is Push {
  return candidate.event.kind === 'image-push';
}

function judge(push: Push, config: RegistryTriggerConfig): Fit | Misfit {
  const misfit = imageMisfit(push.event, config.image) ?? ageMisfit(push, config.minAgeSeconds);
  if (misfit !== null) return misfit;
  const rank = rankOf(push, config.select);
  return 'by' in rank ? { push, rank } : rank;
}

/** A push that does not name its registry (Nexus) fits any; then only a named image says where to pull from. */
function imageMisfit(event: ImagePush, image: string | null): Misfit | null {
  const own = image === null ? null : parseReference(image);
  if (own === null) {
    if (event.registry !== null) return null;
    return {
      code: 'no-registry',
      reason: `the push of ${event.repository} names no registry: name the image in the trigger`,
    };
  }
  const isOwn = event.repository === own.repository && (event.registry === null || event.registry === own.registry);
  if (isOwn) return null;
  const pushed = event.registry === null ? event.repository : nameOf({ ...event, registry: event.registry });
  return { code: 'other-image', reason: `the push is of ${pushed}, this trigger follows ${nameOf(own)}` };
}

function ageMisfit({ createdAt, seenAt, event }: Push, minAgeSeconds: number): Misfit | null {
  if (minAgeSeconds === 0) return null;
  const age =
    createdAt === null || seenAt === undefined ? Number.NaN : (Date.parse(seenAt) - Date.parse(createdAt)) / 1_000;
  const named = `tag ${event.tag ?? event.digest ?? '?'}`;
  if (Number.isNaN(age))
    return { code: 'age-unknown', reason: `${named}: its age is unknown, and ${minAgeSeconds} s are asked for` };
  if (age >= minAgeSeconds) return null;
  return {
    code: 'too-young',
    reason: `${named} is ${Math.max(0, Math.floor(age))} s old, ${minAgeSeconds} s are asked for`,
  };
}

function decide(fit: Fit, config: RegistryTriggerConfig, last: Accepted | null): Verdict {
  const { event } = fit.push;
  const tag = event.tag ?? '';
  if (last === null) return matched(fit, config, { code: 'first', reason: `tag ${tag} is the first that fits` });
  const was = `${last.tag ?? 'no tag'}${last.digest === null ? '' : ` (${last.digest.slice(0, 19)})`}`;
  if (event.tag === last.tag && event.digest !== null && event.digest === last.digest) {
    return filtered({ code: 'duplicate', reason: `tag ${tag} with this digest was accepted before` });
  }
  if (fit.rank.by === 'tag') {
    return matched(fit, config, { code: 'tag-pushed', reason: `tag ${tag} was pushed; before: ${was}` });
  }
  const before = rankAccepted(last, config.select);
  const order = before === null ? 1 : compareRanks(fit.rank, before);
  if (event.tag === last.tag || order === 0) return decideSame(fit, config, was);
  if (config.track === 'digest') {
    return filtered({
      code: 'tag-not-tracked',
      reason: `tag ${tag} is another than ${was}, and only its digest is tracked`,
    });
  }
  if (order > 0) return matched(fit, config, { code: 'newer', reason: `tag ${tag} is newer than ${was}` });
  if (config.downgrade === 'allow') {
    return matched(fit, config, {
      code: 'downgrade',
      reason: `tag ${tag} is older than ${was}, and downgrades are allowed`,
    });
  }
  return filtered({ code: 'older', reason: `tag ${tag} is older than ${was}` });
}

/** A digest that the payload leaves out may have changed: the resolver will see. */
function decideSame(fit: Fit, config: RegistryTriggerConfig, was: string): Verdict {
  const tag = fit.push.event.tag ?? '';
  if (config.track === 'tag') {
    return filtered({
      code: 'same-version',
      reason: `tag ${tag} is no newer than ${was}, and digests are not tracked`,
    });
  }
  return matched(fit, config, { code: 'new-digest', reason: `tag ${tag} was pushed again; before: ${was}` });
}

function matched({ push }: Fit, config: RegistryTriggerConfig, why: Misfit): Verdict {
  const { event, createdAt } = push;
  const repository = event.registry === null ? config.image : nameOf({ ...event, registry: event.registry });
  return {
    verdict: 'matched',
    ...why,
    wish: {
      image: {
        ...(repository === null ? {} : { repository }),
        ...(event.tag === null ? {} : { tag: event.tag }),
        ...(event.digest === null ? {} : { digest: event.digest }),
      },
    },
    accepted: { tag: event.tag, digest: event.digest, ref: null, sha: null, createdAt },
  };
}

/** What was asked for; else the followed tag, else the newest tracked. What was accepted stays what it was. */
function matchManual(event: ManualFire, config: RegistryTriggerConfig, last: Accepted | null): Verdict {
  const { policy, tag } = config.select;
  const followed = (policy === 'exact' || policy === 'digest') && tag !== null ? { image: { tag } } : {};
  return {
    verdict: 'matched',
    code: 'manual',
    reason: 'asked for by hand',
    wish: event.wish ?? followed,
    accepted: last ?? { tag: null, digest: null, ref: null, sha: null, createdAt: null },
  };
}

function filtered(why: Misfit): Verdict {
  return { verdict: 'filtered', code: why.code, reason: why.reason };
}
