import type { Decider } from '#domain/decider';
import { Rejection } from '#domain/errors';
import { migrate } from '#store/migrate';
import type { Model } from '#store/model';
import { createStore, type Store } from '#store/store';
import { createDatabase, type TestDatabase } from '../../support/postgres.js';

/** An aggregate small enough to see through: counters, which also write to rows that they share. */
export type CounterEvent =
  | { type: 'CounterOpened'; data: { name: string } }
  | { type: 'CounterAdded'; data: { amount: number; shared: string } }
  | { type: 'CounterClosed'; data: Record<string, never> };
export type CounterCommand =
  | { type: 'OpenCounter'; name: string }
  | { type: 'AddToCounter'; amount: number; shared?: string }
  | { type: 'CloseCounter' };
export interface CounterState {
  readonly isOpen: boolean;
  readonly sum: number;
}

export const counter: Decider<CounterState, CounterCommand, CounterEvent> = {
  name: 'workload',
  initial: { isOpen: false, sum: 0 },
  decide(command, state, reads) {
    switch (command.type) {
      case 'OpenCounter':
        return state.isOpen ? [] : [{ type: 'CounterOpened', data: { name: command.name } }];
      case 'AddToCounter':
        if (!state.isOpen) throw new Rejection('not-open', 'This counter is not open.');
        if (reads.limit && state.sum + command.amount > Number(reads.limit.sum))
          throw new Rejection('over-limit', 'Too much.');
        return [{ type: 'CounterAdded', data: { amount: command.amount, shared: command.shared ?? 'common' } }];
      case 'CloseCounter':
        return state.isOpen ? [{ type: 'CounterClosed', data: {} }] : [];
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'CounterOpened':
        return { ...state, isOpen: true };
      case 'CounterAdded':
        return { ...state, sum: state.sum + event.data.amount };
      case 'CounterClosed':
        return { ...state, isOpen: false };
    }
  },
};

/** `trail` depends on the whole order in which a shared row was written. */
export const TOY_DDL = `
create table view.counter (id text primary key, sum int not null, version int not null, name text not null);
create unique index workload_name on view.counter (name);
create table view.shared (id text primary key, sum int not null, trail text not null);
`;

export const toyModel: Model = {
  eventTypes: new Map([
    ['CounterOpened', 1],
    ['CounterAdded', 1],
    ['CounterClosed', 1],
  ]),
  workloadIdsOf: (_event, stream) => [stream.slice('workload-'.length)],
  project({ stream, version, type, data }) {
    const id = stream.slice('workload-'.length);
    switch (type) {
      case 'CounterOpened':
        return [
          {
            text: 'insert into view.counter (id, sum, version, name) values ($1, 0, $2, $3)',
            values: [id, version, data.name],
          },
        ];
      case 'CounterAdded':
        return [
          {
            text: 'update view.counter set sum = sum + $2, version = $3 where id = $1',
            values: [id, data.amount, version],
          },
          {
            text: `insert into view.shared as s values ($1, $2, $3)
              on conflict (id) do update set sum = s.sum + excluded.sum, trail = md5(s.trail || excluded.trail)`,
            values: [data.shared, data.amount, `${stream}@${version}`],
          },
        ];
      default:
        return [{ text: 'delete from view.counter where id = $1', values: [id] }];
    }
  },
};

export const cause = { actor: 'test', correlationId: 'c-1' };

export interface ToyStore {
  readonly database: TestDatabase;
  readonly store: Store;
  close(): Promise<void>;
}

export async function openToyStore(): Promise<ToyStore> {
  const database = await createDatabase({ migrated: false });
  await migrate(database.url, { viewDdl: TOY_DDL });
  const store = createStore({ databaseUrl: database.url, model: toyModel });
  const close = async () => {
    await store.close();
    await database.drop();
  };
  return { database, store, close };
}
