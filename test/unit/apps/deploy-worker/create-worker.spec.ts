import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REACTIONS } from '#domain/reactions';
import { PROCESSORS, assertComplete } from '../../../../apps/deploy-worker/src/create-worker.js';

const noop = async () => undefined;
const complete = Object.fromEntries(REACTIONS.map((name) => [name, noop]));
const APPS = new URL('../../../../apps/', import.meta.url).pathname;

describe('the boot check', () => {
  it('passes for what is built in', () => {
    expect(() => assertComplete(PROCESSORS)).not.toThrow();
  });

  it.each(REACTIONS)('names %s when it has no processor', (name) => {
    const { [name]: _, ...rest } = complete;
    expect(() => assertComplete(rest)).toThrow(`reactions without a processor: ${name};`);
  });

  it('names a processor that no reaction asks for', () => {
    expect(() => assertComplete({ ...complete, dance: noop })).toThrow('processors without a reaction: dance');
  });
});

describe('every reaction', () => {
  it.each(REACTIONS)('%s has exactly one processor', (name) => {
    const owners = REACTIONS.filter((other) => PROCESSORS[other] === PROCESSORS[name]);
    expect(PROCESSORS[name]).toBeTypeOf('function');
    expect(owners).toEqual([name]);
  });

  it('is processed by one app alone', () => {
    const processing = sources(APPS).filter((file) => /\bqueues\.work\(/.test(readFileSync(file, 'utf8')));
    expect(processing.map((file) => file.slice(APPS.length))).toEqual(['deploy-worker/src/create-worker.ts']);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => folder + name);
}
