import type { Pool } from 'pg';
import { DataSource, type MixedList } from 'typeorm';
import { SnakeCase } from './naming-strategy.js';
import { ENTITIES } from './views/entities.js';

/** TypeORM for reading the views, on the connections of the store's pool. It never draws or changes a table. */
export async function openDataSource(
  pool: Pool,
  entities: MixedList<new () => object> = ENTITIES,
): Promise<DataSource> {
  const source = new DataSource({
    type: 'postgres',
    driver: { Pool: lent(pool) },
    entities: entities as MixedList<new () => object>,
    namingStrategy: new SnakeCase(),
    synchronize: false,
    migrationsRun: false,
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    logging: false,
  });
  return source.initialize();
}

/** TypeORM makes a pool of its own with `new Pool()` and ends it: it gets ours, and the end is left to the store. */
function lent(pool: Pool): new () => Pool {
  const proxy = new Proxy(pool, {
    get(target, property) {
      if (property === 'end') return (done?: () => void) => done?.();
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return function () {
    return proxy;
  } as unknown as new () => Pool;
}
