import { engineCall, engineJson } from './engine-call.js';

export interface Executed {
  readonly exitCode: number;
  /** Both streams. */
  readonly output: string;
}

/** A command inside a running container. */
export async function execIn(dockerHost: string, containerId: string, command: readonly string[]): Promise<Executed> {
  const json = (body: object) => ({ body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const wish = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
  const path = `/containers/${containerId}/exec`;
  const { Id } = (await engineJson(dockerHost, { method: 'POST', path, ...json(wish) })) as { Id: string };
  const start = { method: 'POST', path: `/exec/${Id}/start`, ...json({ Detach: false, Tty: true }) };
  const { text: output } = await engineCall(dockerHost, start);
  const { ExitCode } = (await engineJson(dockerHost, { path: `/exec/${Id}/json` })) as { ExitCode: number };
  return { exitCode: ExitCode, output };
}
