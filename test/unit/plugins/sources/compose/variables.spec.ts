import { describe, expect, it } from 'vitest';
import type { ComposeFile } from '#plugins/sources/compose/read-file';
import { prefixed, renameVariables, withDefaults } from '#plugins/sources/compose/variables';

const empty = { networks: {}, volumes: {}, secrets: {}, configs: {}, others: [] };
const fileOf = (web: ComposeFile['services'][string]): ComposeFile => ({ ...empty, services: { web } });

describe('variables of a Compose file', () => {
  it.each([
    ['$A', '${TFV_A}', ['A']],
    ['${A}:${B}', '${TFV_A}:${TFV_B}', ['A', 'B']],
    ['${A:-x}', '${TFV_A:-x}', []],
    ['${A-x}', '${TFV_A-x}', []],
    ['${A:?tell me}', '${TFV_A:?tell me}', ['A']],
    ['${A:+x}', '${TFV_A:+x}', []],
    ['${A:-${B}}', '${TFV_A:-${TFV_B}}', ['B']],
    ['$$A', '$$A', []],
    ['$$$A', '$$${TFV_A}', ['A']],
    ['no dollar', 'no dollar', []],
    ['${LD_PRELOAD}$PATH', '${TFV_LD_PRELOAD}${TFV_PATH}', ['LD_PRELOAD', 'PATH']],
  ])('%s is handed on as %s', (text, renamed, required) => {
    const { value, ...found } = renameVariables(fileOf({ command: text }), new Set());
    expect(value.services['web']).toEqual({ command: renamed });
    expect(found).toEqual({ required, broken: [] });
  });

  it.each(['$', 'a$1', '${', '${A', '${}', '${1A}', '${A!x}'])('%s is none', (text) => {
    expect(renameVariables(fileOf({ command: text }), new Set()).broken).not.toEqual([]);
  });

  it('are handed through by name where the workload has them', () => {
    const list = fileOf({ environment: ['A', 'B', 'C=$A', 'D='] });
    const map = fileOf({ environment: { A: null, B: null, C: '$A', D: '' } });
    for (const file of [list, map]) {
      expect(renameVariables(file, new Set(['A'])).value.services['web']).toEqual({
        environment: { A: '${TFV_A}', C: '${TFV_A}', D: '' },
      });
    }
  });

  it('reach the CLI under names of ours alone', () => {
    expect(prefixed({ PATH: '/x', DOCKER_HOST: 'tcp://x' })).toEqual({ TFV_PATH: '/x', TFV_DOCKER_HOST: 'tcp://x' });
  });

  it('leave their defaults where nobody knows them', () => {
    expect(withDefaults('ghcr.io/acme/shop:${TAG:-1.2}')).toBe('ghcr.io/acme/shop:1.2');
    expect(withDefaults('shop:${A:-${B:-3}}$C')).toBe('shop:3');
  });
});
