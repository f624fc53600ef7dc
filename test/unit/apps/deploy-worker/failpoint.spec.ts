import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failpoint } from '../../../../apps/deploy-worker/src/failpoint.js';
import { until } from '../../../support/until.js';

const SOURCE = new URL('../../../../apps/deploy-worker/src/failpoint.ts', import.meta.url).href;

/** Passes the point in a process of its own and says so. */
function passes(setting: string) {
  const script = `import { failpoint } from '${SOURCE}';
    process.stdout.write('before ');
    await failpoint('pull', 'after');
    process.stdout.write('past');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, FP: setting },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, ended: once(child, 'close') as Promise<[number | null, string | null]>, said: () => said };
}

describe('a failpoint', () => {
  it.each([
    undefined,
    '',
    'pull:before:throw',
    'create:after:throw',
    'pull:after',
    'pull:after:dance',
    'pulls:after:throw',
  ])('does nothing for %j', async (setting) => {
    await expect(failpoint('pull', 'after', '', setting)).resolves.toBeUndefined();
  });

  it('throws at its step and moment, also from a list', async () => {
    await expect(failpoint('pull', 'after', '', 'pull:after:throw')).rejects.toThrow('failpoint pull:after');
    await expect(failpoint('start-2', 'before', '', 'pull:after:kill,start-2:before:throw')).rejects.toThrow(
      'failpoint start-2:before',
    );
  });

  it('strikes once per file of its folder, and only whom it is for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tf-failpoints-'));
    const at = (subject: string) => failpoint('pull', 'after', subject, `@${folder}`);
    for (const name of ['w1!pull!after!throw!1', 'w1!pull!after!throw!2', '*!pull!before!throw!3'])
      await writeFile(join(folder, name), '');
    await expect(at('w2')).resolves.toBeUndefined();
    await expect(at('w1')).rejects.toThrow('failpoint pull:after');
    expect((await readdir(folder)).filter((name) => name.startsWith(`taken-${process.pid}!`))).toHaveLength(1);
    await expect(at('w1')).rejects.toThrow('failpoint pull:after');
    await expect(at('w1')).resolves.toBeUndefined();
    await expect(failpoint('pull', 'before', 'whoever', `@${folder}`)).rejects.toThrow('failpoint pull:before');
    await rm(folder, { recursive: true });
  });

  it('kills the process there and then', async () => {
    const { ended, said } = passes('pull:after:kill');
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(said()).toBe('before ');
  });

  it('stops the process, which goes on when it is woken', async () => {
    const { child, ended, said } = passes('pull:after:stop');
    await until(
      async () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.startsWith('T'),
      'the process to be stopped',
      10_000,
    );
    expect(said()).toBe('before ');
    child.kill('SIGCONT');
    expect(await ended).toEqual([0, null]);
    expect(said()).toBe('before past');
  });
});
