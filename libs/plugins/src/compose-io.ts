/**
 * The Compose CLI of a node, by argument list, and a directory of the workload's own that outlives its deployments: the
 * CLI reads its files there.
 */
export interface ComposeIo {
  /** Absolute; the project directory. */
  readonly directory: string;
  /**
   * What follows `docker compose` or `docker-compose`; one at a time for each workload, also after a crash. Any exit code
   * is an answer. Throws {@link TerminalError} `compose-missing`, `compose-timeout`; {@link RetryableError} `compose-busy`.
   */
  run(args: readonly string[], options: ComposeOptions): Promise<ComposeResult>;
  /** Whole or not at all. A file that holds this text already stays the very file. True when it was written. */
  write(name: string, text: string): Promise<boolean>;
  /** The directory and all in it. Absent is success. */
  clear(): Promise<void>;
}

export interface ComposeOptions {
  /** Beside a bare environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface ComposeResult {
  readonly code: number;
  /** As it is: what a file says may be secret. */
  readonly stdout: string;
  readonly stderr: string;
  readonly isTruncated: boolean;
}
