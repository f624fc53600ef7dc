import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from '#docker/deadline';

const expired = () => new Error('expired');
const never = () => new Promise<never>(() => {});

describe('withDeadline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes on what the call gives, and leaves no timer', async () => {
    await expect(withDeadline({ milliseconds: 10, expired }, async () => 7)).resolves.toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('passes on what the call throws, and leaves no timer', async () => {
    const error = new Error('refused');
    await expect(withDeadline({ milliseconds: 10, expired }, () => Promise.reject(error))).rejects.toBe(error);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends a call that never settles, and its signal', async () => {
    let signal: AbortSignal | null = null;
    const ended = withDeadline({ milliseconds: 10, expired }, (deadline) => {
      signal = deadline.signal;
      return never();
    });
    const check = expect(ended).rejects.toThrow('expired');
    await vi.advanceTimersByTimeAsync(10);
    await check;
    expect(signal!.aborted).toBe(true);
  });

  it('starts anew when extended', async () => {
    let extend = () => {};
    const ended = withDeadline({ milliseconds: 10, expired }, (deadline) => {
      extend = () => deadline.extend();
      return never();
    });
    const settled = vi.fn();
    ended.catch(settled);
    await vi.advanceTimersByTimeAsync(9);
    extend();
    await vi.advanceTimersByTimeAsync(9);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(settled).toHaveBeenCalledOnce();
  });

  it('ends with the reason of the caller’s signal, and lets go of it', async () => {
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const ended = withDeadline({ milliseconds: 10, signal: controller.signal, expired }, never);
    controller.abort(reason);
    await expect(ended).rejects.toBe(reason);
    expect(removed).toHaveBeenCalledOnce();
  });

  it('does not begin under a signal that has fired', async () => {
    const run = vi.fn(never);
    const reason = new Error('lease lost');
    await expect(withDeadline({ milliseconds: 10, signal: AbortSignal.abort(reason), expired }, run)).rejects.toBe(
      reason,
    );
    expect(run).not.toHaveBeenCalled();
  });
});
