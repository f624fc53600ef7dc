/** Connection, resources, shutdown, serialization: another try may succeed. */
const UNAVAILABLE = /^(08...|53...|57P0[1-5]|57014|55P03|40001|40P01|25P03)$/;
const NO_CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const POOL_MESSAGE =
  /^(Connection terminated|timeout exceeded when trying to connect|Cannot use a pool after calling end|Client has encountered a connection error)/;

/** What Postgres, `pg` or TypeORM said: `unavailable` may be tried again, `bad-value` is the caller's input. Null = neither. */
export function classifyDatabaseError(error: unknown): 'unavailable' | 'bad-value' | null {
  const { code, message, isFromDatabase } = describe(error);
  if (isFromDatabase && /^22(P0[235]|0(01|03|07|08|21))$/.test(code)) return 'bad-value';
  if (isFromDatabase && UNAVAILABLE.test(code)) return 'unavailable';
  if (isConnect(error) && NO_CONNECTION.has(code)) return 'unavailable';
  return POOL_MESSAGE.test(message) ? 'unavailable' : null;
}

function describe(error: unknown): { code: string; message: string; isFromDatabase: boolean } {
  const outer = asRecord(error);
  // TypeORM wraps what the driver threw.
  const inner = asRecord(outer['driverError'] ?? error);
  const code = typeof inner['code'] === 'string' ? inner['code'] : '';
  const message = typeof inner['message'] === 'string' ? inner['message'] : '';
  return { code, message, isFromDatabase: inner['severity'] !== undefined };
}

/** Any socket can be refused; only one towards Postgres is meant (its port, its socket file, or a query that failed). */
function isConnect(error: unknown): boolean {
  const record = asRecord(error);
  const inner = asRecord(record['driverError'] ?? error);
  const syscall = inner['syscall'];
  const address = inner['address'];
  const isSocketFile = typeof address === 'string' && address.includes('.s.PGSQL.');
  return (
    record['name'] === 'QueryFailedError' ||
    isSocketFile ||
    inner['port'] === 5432 ||
    (syscall === 'read' && record['query'] !== undefined)
  );
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
