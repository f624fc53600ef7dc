/** Where a fault test may strike: `FP=<step>:<before|after>:<kill|stop|throw|delay>[,…]`. */
type Moment = 'before' | 'after';

const DELAY_MS = 500;

/** Does what `FP` says for this step and moment; nothing when it says nothing. */
export async function failpoint(step: string, moment: Moment, setting = process.env.FP): Promise<void> {
  if (setting === undefined) return;
  const action = setting
    .split(',')
    .map((entry) => entry.split(':'))
    .find(([name, when]) => name === step && when === moment)?.[2];
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return await never();
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'throw':
      throw new Error(`failpoint ${step}:${moment}`);
    case 'delay':
      return await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
    default:
      return;
  }
}

/** A killed process runs on for a moment: it must not get past the point. */
function never(): Promise<never> {
  return new Promise(() => setTimeout(() => undefined, 60_000));
}
