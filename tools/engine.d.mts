/** `stop` ends only an engine that this call started. */
export interface RunningEngine {
  readonly host: string;
  readonly started: boolean;
  stop(): Promise<void>;
}
export function findEngine(env?: NodeJS.ProcessEnv): Promise<{ readonly host: string } | null>;
export function startEngine(options?: {
  install?: boolean;
  /** A private engine with its data, socket, log and pid file there. */
  folder?: string | null;
  env?: NodeJS.ProcessEnv;
}): Promise<RunningEngine>;
export function ping(host: string, timeoutMs?: number): Promise<boolean>;
export function stopPid(pid: number, timeoutMs?: number): Promise<void>;
