import type { TestProject } from 'vitest/node';
import { migrate } from '#store/migrate';
import { startCluster } from './cluster.js';
import { TEMPLATE, runOn } from './postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The cluster's `postgres` database. */
    postgresUrl: string;
  }
}

/** One Postgres per run, and a migrated database that each spec file gets a copy of. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startCluster();
  await runOn(cluster.url('postgres'), `create database ${TEMPLATE}`);
  await migrate(cluster.url(TEMPLATE));
  project.provide('postgresUrl', cluster.url('postgres'));
  return () => cluster.stop();
}
