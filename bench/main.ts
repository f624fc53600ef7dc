import { appending } from './append.js';
import { deploying } from './deploy/deploy.js';
import { fanningOut } from './fan-out.js';
import { table, type Figure, type Measured } from './figure.js';
import { openCluster, type Cluster } from './ground.js';
import { followingLogs } from './logs.js';
import { receiving } from './webhook/webhook.js';

/** `npm run bench [-- names]`: each figure beside the least that the same work takes here. An overrun is shown, not an error. */
const BENCHES: Readonly<Record<string, (cluster: Cluster) => Promise<Measured>>> = {
  webhook: receiving,
  deploy: deploying,
  'fan-out': fanningOut,
  append: appending,
  logs: followingLogs,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in BENCHES));
if (unknown.length > 0)
  throw new Error(`No bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}.`);

const print = (lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`);
const figures: Figure[] = [];
const failed: string[] = [];
const cluster = await openCluster();
try {
  for (const [name, run] of Object.entries(BENCHES)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    print(['', `${name} …`]);
    try {
      const measured = await run(cluster);
      figures.push(...measured.figures);
      print([...table(measured.figures), ...measured.notes]);
    } catch (error) {
      failed.push(name);
      process.stderr.write(
        `${name} was not measured: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
    }
  }
} finally {
  await cluster.stop();
}
print(['', 'All figures; a limit is a ratio to the reference, which was measured in the same run:', ...table(figures)]);
if (failed.length > 0) print([`NOT MEASURED: ${failed.join(', ')}`]);
