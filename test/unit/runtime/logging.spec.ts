import { describe, expect, it } from 'vitest';
import { createLogger, nestLogger, type Logger } from '#runtime/logging';
import { maskText, maskValue } from '#runtime/mask';

function capture(): { logger: Logger; text: () => string; last: () => Record<string, unknown> } {
  const lines: string[] = [];
  const logger = createLogger({
    app: 'test',
    level: 'trace',
    secrets: ['known-canary'],
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

describe('the logger', () => {
  it.each<[string, (logger: Logger) => void]>([
    [
      'a header',
      (logger) => logger.info({ headers: { authorization: 'Bearer canary-1', 'x-gitlab-token': 'canary-2' } }, 'in'),
    ],
    ['a nested field', (logger) => logger.info({ a: { b: { c: { signingSecret: 'canary' } } } }, 'in')],
    ['a field in a list', (logger) => logger.info({ env: [{ password: 'canary' }] }, 'in')],
    [
      'the path of a webhook',
      (logger) => logger.info({ url: '/api/webhook/triggers/canary?x=1' }, 'POST /api/webhook/triggers/canary'),
    ],
    ['an address', (logger) => logger.info('cloning https://user:canary@git.example.org/x.git')],
    ['an error', (logger) => logger.error(new Error('no: postgres://u:canary@h/db'))],
    [
      'the cause of an error',
      (logger) => logger.error({ err: new Error('outer', { cause: new Error('Bearer canary') }) }, 'failed'),
    ],
    ['a known value', (logger) => logger.info({ note: 'it is known-canary' }, 'known-canary %s', 'known-canary')],
    ['a child', (logger) => logger.child({ token: 'canary' }).info('in')],
    ['a child of a child', (logger) => logger.child({ a: 1 }).child({ token: 'canary' }).info('in')],
  ])('keeps a secret out of the line: %s', (_where, write) => {
    const { logger, text } = capture();
    write(logger);
    expect(text()).toContain('***');
    expect(text()).not.toContain('canary');
  });

  it('keeps what tells errors apart', () => {
    const { logger, last } = capture();
    logger.error(
      { err: Object.assign(new TypeError('no'), { code: 'E1' }), tokenId: 't1', secretVersion: 3 },
      'failed',
    );
    expect(last()).toMatchObject({
      level: 'error',
      app: 'test',
      msg: 'failed',
      tokenId: 't1',
      secretVersion: 3,
      err: { type: 'TypeError', code: 'E1', message: 'no' },
    });
  });

  it('leaves out the row that a database error shows', () => {
    const { logger, text, last } = capture();
    const shown = { code: '23505', detail: 'Key (x)=(canary)', where: 'canary', parameters: ['canary'] };
    logger.error({ err: Object.assign(new Error('duplicate key'), shown) }, 'failed');
    expect(last()).toMatchObject({ err: { code: '23505', message: 'duplicate key' } });
    expect(text()).not.toContain('canary');
  });

  it('writes one line for a message that holds line breaks', () => {
    const { logger, text } = capture();
    logger.info('a\nb\u001b[31m');
    expect(text().split('\n')).toHaveLength(2);
    expect(text()).not.toContain('\u001b');
  });

  it('survives a field that refers to itself', () => {
    const { logger, last } = capture();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    logger.info({ loop }, 'in');
    expect(last()['msg']).toBe('in');
  });

  it('takes what Nest says', () => {
    const { logger, last } = capture();
    nestLogger(logger).warn('careful', 'Router');
    expect(last()).toMatchObject({ level: 'warn', msg: 'careful', context: 'Router' });
    nestLogger(logger).error(new Error('Bearer abcdef'), 'Router');
    expect(last()).toMatchObject({ level: 'error', msg: 'Bearer ***' });
  });
});

describe('maskText', () => {
  it('leaves ordinary text as it is', () => {
    const text = 'GET /api/workloads/1 took 3 ms at https://example.org:8443/path@2';
    expect(maskText(text)).toBe(text);
  });
});

describe('maskValue', () => {
  it('spells bytes as their number', () => {
    expect(maskValue({ body: new Uint8Array(3) })).toEqual({ body: '[3 bytes]' });
  });
});
