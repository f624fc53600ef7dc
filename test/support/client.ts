/** A REST client of the platform under test: plain fetch, with the admin token. */
export interface Client {
  readonly url: string;
  get<T = Json>(path: string): Promise<T>;
  post<T = Json>(path: string, body?: unknown): Promise<T>;
  send(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  text(path: string, headers?: Readonly<Record<string, string>>): Promise<string>;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into field by field
export type Json = any;

export function createClient(apiUrl: string, token: string): Client {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const send = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${apiUrl}/api${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
  };
  const must = async (method: string, path: string, body?: unknown) => {
    const answer = await send(method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    url: apiUrl,
    send,
    get: (path) => must('GET', path),
    post: (path, body) => must('POST', path, body ?? {}),
    text: async (path, more = {}) => (await fetch(`${apiUrl}/api${path}`, { headers: { ...headers, ...more } })).text(),
  };
}
