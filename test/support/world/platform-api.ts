import { randomUUID } from 'node:crypto';
import type { Json } from '../client.js';

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export interface ApiCall {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
}

const GIVE_UP_MS = 45_000;
const PAUSE_MS = 50;

/** The API as a patient client sees it: what got no answer is asked again under the same Idempotency-Key. */
export class PlatformApi {
  constructor(
    private readonly origin: string,
    private readonly token: string,
  ) {}

  /** One try; throws when there is no answer. */
  async once({ method = 'GET', path, body }: ApiCall, key: string = randomUUID()): Promise<Answer> {
    const answer = await fetch(`${this.origin}/api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'POST' ? { 'idempotency-key': key } : {}),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  }

  /** Until it is answered other than by 502 and 503. */
  async ask(call: ApiCall): Promise<Answer> {
    const key = randomUUID();
    const end = Date.now() + GIVE_UP_MS;
    for (;;) {
      const answer = await this.once(call, key).catch((error: unknown) => ({ status: 0, body: String(error) }));
      if (![0, 502, 503].includes(answer.status)) return answer;
      if (Date.now() > end) throw new Error(`${call.method ?? 'GET'} ${call.path}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** The same, and throws on a refusal. */
  async must(call: ApiCall): Promise<Json> {
    const { status, body } = await this.ask(call);
    if (status >= 400) throw new Error(`${call.method ?? 'GET'} ${call.path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }
}
