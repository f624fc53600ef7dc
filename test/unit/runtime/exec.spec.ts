import { describe, expect, it } from 'vitest';
import { run } from '#runtime/exec';
import { isAlive, waitUntil } from '#runtime/process-file';

describe('run', () => {
  it('hands arguments over as they are: no shell reads them', async () => {
    const hostile = '$(id); `id` && echo "x" > /tmp/y \' | cat';
    expect(await run('printf', ['%s', hostile])).toEqual({ code: 0, stdout: hostile, stderr: '', isTruncated: false });
  });

  it('tells the exit code and both streams', async () => {
    expect(await run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toMatchObject({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await run('sh', ['-c', 'kill -9 $$'])).toMatchObject({ code: 137 });
  });

  it('gives the child none of our environment but what it needs', async () => {
    process.env['TINYFORGE_TEST_CANARY'] = 'canary';
    const { stdout } = await run('env', [], { env: { ADDED: 'yes' } });
    delete process.env['TINYFORGE_TEST_CANARY'];
    expect(stdout).toContain('ADDED=yes');
    expect(stdout).not.toContain('canary');
  });

  it('masks what it is told to, and addresses with a password', async () => {
    const { stdout, stderr } = await run('sh', ['-c', 'echo canary; echo https://u:secret@h >&2'], {
      redact: ['canary'],
    });
    expect([stdout, stderr]).toEqual(['***\n', 'https://***@h\n']);
  });

  it('keeps a bounded part of endless output', async () => {
    const { stdout, isTruncated } = await run('sh', ['-c', 'yes | head -c 1000000'], { maxBytes: 100 });
    expect([stdout.length, isTruncated]).toEqual([100, true]);
  });

  it('passes input on', async () => {
    expect((await run('cat', [], { input: 'hello' })).stdout).toBe('hello');
  });

  it('stops what takes too long, with all that it started', async () => {
    const failure = await run('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 200 }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ name: 'RetryableError', code: 'exec-timeout' });
  });

  it('stops when its caller does', async () => {
    const controller = new AbortController();
    process.once('SIGUSR2', () => controller.abort(new Error('lost')));
    const pid = process.pid;
    const running = run('sh', ['-c', `kill -USR2 ${pid}; sleep 60`], { signal: controller.signal });
    await expect(running).rejects.toThrow('lost');
  });

  it('names a program that is not there', async () => {
    await expect(run('tiny-forge-no-such-program', [])).rejects.toMatchObject({
      name: 'TerminalError',
      code: 'exec-missing',
      failureClass: 'operator',
    });
  });
});

describe('isAlive', () => {
  it('knows a process that has ended', async () => {
    const { stdout } = await run('sh', ['-c', 'echo $$']);
    expect(await waitUntil(() => !isAlive(Number(stdout)), 1_000, 5)).toBe(true);
    expect([isAlive(process.pid), isAlive(0), isAlive(NaN)]).toEqual([true, false, false]);
  });
});
