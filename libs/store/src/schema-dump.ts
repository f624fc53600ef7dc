import type { Pool } from 'pg';

/** Definitions in one order, whoever made them: what `libs/store/schema.sql` holds. */
const QUERIES: readonly string[] = [
  `select format(E'create schema %I;', nspname) as line from pg_namespace where nspname in ('log', 'state', 'view') order by nspname`,
  `select format(E'create table %I.%I (\\n%s\\n);', n.nspname, c.relname, string_agg(format('  %I %s%s%s', a.attname,
      format_type(a.atttypid, a.atttypmod),
      case
        when a.attidentity <> '' then ' generated always as identity'
        when a.attgenerated <> '' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
        when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid)
        else ''
      end,
      case when a.attnotnull then ' not null' else '' end), E',\\n' order by a.attnum)) as line
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('log', 'state', 'view')
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind = 'r' group by n.nspname, c.relname order by n.nspname, c.relname`,
  `select format('alter table %I.%I add constraint %I %s;', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)) as line
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('log', 'state', 'view')
    where k.contype <> 'n' order by n.nspname, c.relname, k.conname`,
  `select pg_get_indexdef(i.indexrelid) || ';' as line
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('log', 'state', 'view')
    where not exists (select from pg_constraint k where k.conindid = i.indexrelid) order by n.nspname, c.relname`,
  `select pg_get_functiondef(p.oid) || ';' as line
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('log', 'state', 'view')
    where p.prokind = 'f' order by n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)`,
  `select format('create aggregate %s(%s) (sfunc = %s, stype = %s);', p.oid::regproc, pg_get_function_identity_arguments(p.oid),
      a.aggtransfn, format_type(a.aggtranstype, null)) as line
    from pg_aggregate a
    join pg_proc p on p.oid = a.aggfnoid
    join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('log', 'state', 'view') order by n.nspname, p.proname`,
  `select pg_get_triggerdef(t.oid) || ';' as line
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('log', 'state', 'view')
    where not t.tgisinternal order by n.nspname, c.relname, t.tgname`,
];

/** The whole schema as SQL, for people and for the diff in review; the migrations are what makes it. */
export async function dumpSchema(pool: Pool): Promise<string> {
  const sections: string[] = [];
  for (const text of QUERIES) {
    const { rows } = await pool.query<{ line: string }>(text);
    if (rows.length > 0) sections.push(rows.map(({ line }) => line.trimEnd()).join('\n'));
  }
  return `-- Generated from a migrated database. Change a migration or views/schema.ts, then generate it anew.\n\n${sections.join('\n\n')}\n`;
}
