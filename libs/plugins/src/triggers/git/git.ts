import type { GitPush, ManualFire, Wish } from '../../inbound.js';
import type { Accepted, Candidate, OwnSubject, Trigger, Verdict } from '../../trigger.js';
import { GitTriggerConfig } from './git-trigger.config.dto.js';
import { judgePush, type Judged } from './judge-push.js';

export const git: Trigger<GitTriggerConfig> = {
  kind: 'git',
  title: 'Git push',
  config: GitTriggerConfig,
  sample: new GitTriggerConfig(),
  accepts: ['git-push', 'manual'],
  webhookByDefault: true,
  complete,
  match,
};

/** The workload's own repository where the config names none, and with it the branch that it follows. */
function complete(config: GitTriggerConfig, own: OwnSubject): GitTriggerConfig {
  const isOwn = config.repo === null && own.repo !== null;
  const hasNone = config.branches.length === 0 && config.tags.length === 0;
  const branches = isOwn && hasNone && own.branch ? [literal(own.branch)] : config.branches;
  return { ...config, repo: config.repo ?? own.repo, branches };
}

/** A name as a pattern that matches nothing else. */
function literal(name: string): string {
  return name.replaceAll(/[\\*?[\]{}!]/g, '\\$&');
}

/** Of several refs in one delivery the last that fits counts: it is the newest. */
function match(candidates: readonly Candidate[], config: GitTriggerConfig, last: Accepted | null): Verdict {
  const fire = candidates.map(({ event }) => event).find((event) => event.kind === 'manual');
  if (fire !== undefined) return matchManual(fire, last);
  const pushes = candidates.map(({ event }) => event).filter((event) => event.kind === 'git-push');
  const judged = pushes.map((push) => ({ push, ...judgePush(push, config, last) }));
  const fit = judged.findLast(({ verdict }) => verdict === 'matched');
  if (fit !== undefined) return matched(fit.push, fit);
  const { code, reason } = judged.at(-1) ?? { code: 'no-candidate', reason: 'there is no push to judge' };
  return { verdict: 'filtered', code, reason };
}

function matched(push: GitPush, { code, reason }: Judged): Verdict {
  const { repo, ref, branch, tag, sha } = push;
  const git: Wish['git'] = {
    ref,
    ...(repo === null ? {} : { repo }),
    ...(branch === null ? {} : { branch }),
    ...(tag === null ? {} : { tag }),
    ...(sha === null ? {} : { sha }),
  };
  return {
    verdict: 'matched',
    code,
    reason,
    wish: { git },
    accepted: { tag: null, digest: null, ref, sha, createdAt: null },
  };
}

/** What was asked for, else the newest of what the workload follows. What was accepted stays what it was. */
function matchManual(event: ManualFire, last: Accepted | null): Verdict {
  return {
    verdict: 'matched',
    code: 'manual',
    reason: 'asked for by hand',
    wish: event.wish ?? {},
    accepted: last ?? { tag: null, digest: null, ref: null, sha: null, createdAt: null },
  };
}
