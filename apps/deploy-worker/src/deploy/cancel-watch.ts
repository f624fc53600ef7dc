import type { Pool } from 'pg';

/** Looks whether somebody wants the deployment to end. `signal` fires some time after it was asked for. */
export interface CancelWatch {
  readonly signal: AbortSignal;
  stop(): void;
}

const POLL_MS = 500;
/** What is nearly done ends by itself: a call to Docker that is cut off may still be carried out there. */
const GRACE_MS = 1_500;

/** While one step runs. A step that ends meanwhile is recorded, and the cancel is seen then. */
export function watchCancel(pool: Pool, deploymentId: string): CancelWatch {
  return watchFor(() => isRequested(pool, deploymentId), 'the deployment is cancelled');
}

/** Asks twice a second, from half a second on. While the database does not answer, the lease decides. */
export function watchFor(isOver: () => Promise<boolean>, why: string): CancelWatch {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const later = (next: () => void, ms: number) => {
    if (!isStopped) timer = setTimeout(next, ms);
  };
  const look = () =>
    void isOver()
      .catch(() => false)
      .then((isIt) => {
        if (isIt) later(() => abort.abort(new Error(why)), GRACE_MS);
        else later(look, POLL_MS);
      });
  later(look, POLL_MS);
  return {
    signal: abort.signal,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

async function isRequested(pool: Pool, deploymentId: string): Promise<boolean> {
  const { rows } = await pool.query<{ isIt: boolean }>({
    name: 'cancel-requested',
    text: 'select cancel_requested_at is not null as "isIt" from view.deployment where id = $1',
    values: [deploymentId],
  });
  return rows[0]?.isIt === true;
}
