import { request } from 'node:http';

/** One GET against a loopback port of ours; follows nothing, reads no body. */
export function probe(
  hostPort: number,
  path: string,
  timeoutMs: number,
): Promise<{ status: number } | { error: string }> {
  return new Promise((resolve) => {
    const call = request(
      {
        host: '127.0.0.1',
        port: hostPort,
        path,
        method: 'GET',
        agent: false,
        headers: { 'user-agent': 'tiny-forge-probe' },
      },
      (answer) => {
        answer.resume();
        clearTimeout(deadline);
        resolve({ status: answer.statusCode ?? 0 });
        call.destroy();
      },
    );
    const deadline = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    call.once('error', (error) => {
      clearTimeout(deadline);
      resolve({ error: error.message });
    });
    call.end();
  });
}
