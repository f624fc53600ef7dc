import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { instant } from '../rounds.js';

const PAUSE_MS = 4;
const DEADLINE_MS = 30_000;

export interface Asked {
  readonly port: number;
  readonly host: string;
  /** What the awaited container answers. */
  readonly text: string;
}

/** When the proxy first answered so. Asks from the start, so that both sides have the same onlooker. */
export async function servedAt({ port, host, text }: Asked): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const end = instant() + DEADLINE_MS;
  try {
    while (instant() < end) {
      if ((await get(agent, port, host)) === text) return instant();
      await sleep(PAUSE_MS);
    }
  } finally {
    agent.destroy();
  }
  throw new Error(`${host} did not answer "${text}" within ${DEADLINE_MS / 1_000} s`);
}

function get(agent: Agent, port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const call = request({ agent, host: '127.0.0.1', port, headers: { host } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      answer.on('end', () => resolve(answer.statusCode === 200 ? body.trim() : null));
      answer.on('error', () => resolve(null));
    });
    call.on('error', () => resolve(null));
    call.end();
  });
}
