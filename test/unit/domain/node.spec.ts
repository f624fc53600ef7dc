import { describe, it } from 'vitest';
import { node } from '#domain/node';
import { given } from '../../support/spec.js';
import { AT, engine, LATER, SAMPLES } from './samples.js';

const { NodeJoined, NodeSilent, NodeBack, NodeForgotten } = SAMPLES;
const register = { type: 'RegisterNode', node: 'default', engine } as const;
const forget = { type: 'ForgetNode', node: 'default', workloads: [], isServed: false } as const;

describe('a node', () => {
  it('joins with the first process that serves it, and with the others nothing changes', () => {
    given(node, []).when(register).then([NodeJoined]);
    given(node, [NodeJoined]).when(register).then([]);
  });

  it('is told again when its engine is another one', () => {
    const newer = { ...engine, version: '29.0.0' };
    given(node, [NodeJoined])
      .when({ ...register, engine: newer })
      .then([SAMPLES.NodeChanged]);
  });

  it('keeps what is known of its engine while that does not answer', () => {
    given(node, [NodeJoined])
      .when({ ...register, engine: null })
      .then([]);
    given(node, [])
      .when({ ...register, engine: null })
      .state({ isKnown: true, engine: null });
  });

  it('falls silent once, and is back once', () => {
    const silence = { type: 'RecordSilence', node: 'default', since: AT } as const;
    given(node, [NodeJoined]).when(silence).then([NodeSilent]);
    given(node, [NodeJoined, NodeSilent])
      .when({ ...silence, since: LATER })
      .then([]);
    given(node, [NodeJoined, NodeSilent]).when({ type: 'RecordBack', node: 'default' }).then([NodeBack]);
    given(node, [NodeJoined]).when({ type: 'RecordBack', node: 'default' }).then([]);
    given(node, []).when(silence).then([]);
  });

  it('is forgotten when nothing is on it and nobody serves it, and may join again', () => {
    given(node, [NodeJoined]).when(forget).then([NodeForgotten]);
    given(node, [NodeJoined])
      .when({ ...forget, workloads: ['shop'] })
      .rejects('node-in-use');
    given(node, [NodeJoined])
      .when({ ...forget, isServed: true })
      .rejects('node-served');
    given(node, [NodeJoined, NodeForgotten]).when(forget).then([]);
    given(node, [NodeJoined, NodeForgotten]).when(register).then([NodeJoined]);
  });
});
