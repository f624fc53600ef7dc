import { describe, expect, it } from 'vitest';
import { dockerVolumeName } from '#domain/naming';
import { volumeId, volumeRemoval } from '#domain/volume-removal';
import { given } from '../../support/spec.js';
import { place, SAMPLES, WORKLOAD } from './samples.js';

const request = { type: 'RequestVolumeRemoval', ...place, workloadId: WORKLOAD, usedBy: [] } as const;
const refuse = { type: 'RefuseVolumeRemoval', code: 'volume-foreign', message: 'Not ours.' } as const;
const removed = { type: 'RecordVolumeRemoved' } as const;
const { VolumeRemovalRequested: requested, VolumeRemoved: gone, VolumeRemovalRefused: refused } = SAMPLES;

describe('the removal of a volume', () => {
  it('is asked for once, until it is done or refused', () => {
    given(volumeRemoval, []).when(request).then([requested]);
    given(volumeRemoval, [requested]).when(request).then([]);
    given(volumeRemoval, [requested, gone]).when(request).then([requested]);
    given(volumeRemoval, [requested, refused]).when(request).then([requested]);
  });

  it('is refused while somebody could need it', () => {
    given(volumeRemoval, [])
      .when({ ...request, usedBy: ['shop', 'till'] })
      .rejects('volume-in-use');
    given(volumeRemoval, [requested])
      .when({ ...request, usedBy: ['shop'] })
      .rejects('volume-in-use');
  });

  it('ends as the node says, once', () => {
    given(volumeRemoval, [requested]).when(removed).then([gone]);
    given(volumeRemoval, [requested]).when(refuse).then([refused]);
    given(volumeRemoval, [requested, gone]).when(removed).then([]);
    given(volumeRemoval, [requested, gone]).when(refuse).then([]);
    given(volumeRemoval, []).when(removed).then([]);
  });

  it('is told apart by name and node', () => {
    expect(volumeId(place)).toBe('tf-00000a01-data@default');
  });
});

it('Docker knows the volumes of two scopes', () => {
  const nameOf = (scope: Parameters<typeof dockerVolumeName>[1]['scope']) =>
    dockerVolumeName(WORKLOAD, { scope, source: 'data' });
  expect([nameOf('project_named'), nameOf('named'), nameOf('project'), nameOf('ephemeral')]).toEqual([
    'tf-00000a01-data',
    'data',
    null,
    null,
  ]);
});
