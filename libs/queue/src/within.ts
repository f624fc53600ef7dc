/** What `within` answers when the time is up. */
export const TIMED_OUT = Symbol('timed out');

/** The promise's result, or `TIMED_OUT`. The promise goes on unwatched: a rejection after the deadline is dropped. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | typeof TIMED_OUT> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}
