/** Somebody else wrote to the stream, more often than we are willing to decide again. HTTP: 409. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
  readonly code = 'conflict';
  constructor(
    readonly stream: string,
    readonly currentVersion: number,
  ) {
    super(`${stream} was changed by somebody else (it is at version ${currentVersion} now). Look at it and try again.`);
  }
}

/** The caller named the version it had seen (If-Match), and the stream has moved on. HTTP: 412. */
export class PreconditionFailed extends Error {
  override readonly name = 'PreconditionFailed';
  readonly code = 'precondition-failed';
  constructor(
    readonly stream: string,
    readonly expectedVersion: number,
    readonly currentVersion: number,
  ) {
    super(
      `${stream} is at version ${currentVersion}, not ${expectedVersion}: somebody changed it meanwhile. ` +
        'Load it again and repeat the change.',
    );
  }
}

/** The lease ended or has another holder. Nothing was written; the holder stops at once. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  readonly code = 'lease-lost';
  constructor(readonly subject: string) {
    super(`The lease on ${subject} is no longer held: another worker has it, or it ran out. This worker stops here.`);
  }
}

/** The stream holds an event that a later release wrote. The job is left for a newer worker. */
export class NewerVersion extends Error {
  override readonly name = 'NewerVersion';
  readonly code = 'newer-version';
  constructor(
    readonly stream: string,
    readonly eventType: string,
  ) {
    super(
      `${stream} holds ${eventType}, which this release cannot read. A newer release wrote it: update this process.`,
    );
  }
}
