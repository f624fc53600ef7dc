import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a fault test may strike besides the steps of a plan, which are points of their own by their names. */
export const POINTS = ['claim', 'release', 'dispatch', 'settle', 'undo', 'teardown', 'remove-volume'] as const;
export const MOMENTS = ['before', 'after'] as const;
export type Moment = (typeof MOMENTS)[number];

const DELAY_MS = 500;

/**
 * Does what `FP` says for this point and moment; nothing when it says nothing. `subject`: the workload or delivery.
 * `FP=<point>:<before|after>:<kill|stop|throw|delay>[,…]` strikes each time. `FP=@<folder>` strikes once per file named
 * `<subject>!<point>!<moment>!<action>!<any>` (`*` = any subject): whoever comes first renames it `taken-<pid>!…`.
 */
export async function failpoint(point: string, moment: Moment, subject = '', setting = process.env.FP): Promise<void> {
  if (setting === undefined) return;
  const action = setting.startsWith('@')
    ? await takeFrom(
        setting.slice(1),
        [subject, '*'].map((whose) => `${whose}!${point}!${moment}!`),
      )
    : actionOf(setting, point, moment);
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return await never();
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'throw':
      throw new Error(`failpoint ${point}:${moment}`);
    case 'delay':
      return await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
    default:
      return;
  }
}

function actionOf(setting: string, point: string, moment: Moment): string | undefined {
  const entries = setting.split(',').map((entry) => entry.split(':'));
  return entries.find(([name, when]) => name === point && when === moment)?.[2];
}

async function takeFrom(folder: string, prefixes: readonly string[]): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => prefixes.some((prefix) => name.startsWith(prefix))).sort();
  for (const name of names) {
    // Another process may have been faster with this one.
    const isOurs = await rename(join(folder, name), join(folder, `taken-${process.pid}!${name}`)).then(
      () => true,
      () => false,
    );
    if (isOurs) return name.split('!')[3];
  }
  return undefined;
}

/** A killed process runs on for a moment: it must not get past the point. */
function never(): Promise<never> {
  return new Promise(() => setTimeout(() => undefined, 60_000));
}
