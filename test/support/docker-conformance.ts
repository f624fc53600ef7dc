import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { Bench, type DockerUnderTest } from './docker-bench.js';
import { containersContract } from './docker-conformance-containers.js';
import { eventsContract } from './docker-conformance-events.js';
import { imagesContract } from './docker-conformance-images.js';
import { runningContract } from './docker-conformance-running.js';
import { volumesContract } from './docker-conformance-volumes.js';

/** Every implementation of `Docker` passes these. */
export function describeDocker(name: string, make: () => Promise<DockerUnderTest>): void {
  describe(`${name} keeps the Docker contract`, () => {
    const bench = new Bench();
    beforeAll(() => bench.open(make));
    afterEach(() => bench.clear());
    afterAll(() => bench.close());

    imagesContract(bench);
    containersContract(bench);
    runningContract(bench);
    volumesContract(bench);
    eventsContract(bench);
  });
}
