import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { stopCaddy } from '#runtime/caddy-process';
import { until } from '../../test/support/until.js';
import type { OpenGround } from '../ground.js';
import { instant } from '../rounds.js';
import type { Answer, Mark, Question, Trace } from './marks.js';
import { servedAt } from './serving.js';

export interface Asking {
  readonly workloadId: string;
  readonly host: string;
  readonly digest: string;
  readonly text: string;
}

/** The platform in a process of its own, asked over its API. */
export async function openPlatform({ env, adminToken, parts }: OpenGround) {
  const child = fork(new URL('./host.js', import.meta.url), { env: { ...process.env, ...env } });
  const { answer, ask } = conversation(child);
  const { apiPort, proxyPort } = (await answer()) as { apiPort: number; proxyPort: number };
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const deploy = async ({ workloadId, digest }: Asking): Promise<string> => {
    const url = `http://127.0.0.1:${apiPort}/api/workloads/${workloadId}/deploy`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ digest }) });
    if (response.status !== 202) throw new Error(`the API answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { id: string }).id;
  };
  return {
    async run(asking: Asking): Promise<Trace> {
      await ask('marks');
      const postedAt = instant();
      const [id, at] = await Promise.all([
        deploy(asking),
        servedAt({ port: proxyPort, host: asking.host, text: asking.text }),
      ]);
      // What follows the switch must not fall into the next measurement.
      await until(() => isFinished(id), `deployment ${id} to end`);
      const { marks } = (await ask('marks')) as { marks: readonly Mark[] };
      return { postedAt, servedAt: at, marks };
    },
    async stop(): Promise<void> {
      const gone = once(child, 'exit');
      child.send('stop' satisfies Question);
      await gone;
      await stopCaddy(env['TINYFORGE_DATA_DIR']!);
    },
  };

  async function isFinished(id: string): Promise<boolean> {
    const { rows } = await parts.store.pool.query<{ status: string; open: boolean }>(
      'select status, is_unfinished as open from view.deployment where id = $1',
      [id],
    );
    if (rows[0]?.status === 'failed') throw new Error(`deployment ${id} failed`);
    return rows[0]?.open === false;
  }
}

/** One question at a time; ends with an error when the process does. */
function conversation(child: ChildProcess) {
  const ended = new AbortController();
  child.once('exit', (code) => ended.abort(new Error(`the platform ended with ${String(code)}`)));
  const answer = async () => ((await once(child, 'message', { signal: ended.signal })) as [Answer])[0];
  const ask = (question: Question): Promise<Answer> => {
    const answered = answer();
    child.send(question);
    return answered;
  };
  return { answer, ask };
}
