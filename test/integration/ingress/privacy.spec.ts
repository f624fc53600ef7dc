import { afterAll, beforeAll, expect, it } from 'vitest';
import { githubPush, startIngress, type TestIngress } from './fixture.js';

const CANARY = 'c4n4ry-7f3a';

let ingress: TestIngress;
beforeAll(async () => {
  ingress = await startIngress();
});
afterAll(() => ingress.close());

/** Tables with a row whose text holds the needle, plainly or as the hex of its bytes. */
async function tablesWith(needle: string): Promise<string[]> {
  const tables = await ingress.rows(
    `select table_schema || '.' || quote_ident(table_name) as name from information_schema.tables
      where table_schema in ('log', 'view', 'state') and table_type = 'BASE TABLE'`,
  );
  expect(tables.length).toBeGreaterThan(20);
  const hex = Buffer.from(needle).toString('hex');
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await ingress.rows(
      `select 1 from ${String(name)} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 limit 1`,
      [needle, hex],
    );
    if (rows.length > 0) found.push(String(name));
  }
  return found;
}

const planted = () => {
  const { body, headers } = githubPush();
  const person = { name: `Keeper ${CANARY}`, email: `${CANARY}@depot.test`, username: CANARY };
  return {
    headers: {
      ...headers,
      authorization: `Bearer ${CANARY}`,
      'x-forwarded-for': '203.0.113.77',
      cookie: `session=${CANARY}`,
      'user-agent': CANARY,
    },
    body: {
      ...body,
      pusher: person,
      sender: { login: CANARY },
      password: CANARY,
      head_commit: { ...body.head_commit, author: person, committer: person, message: `Trim the wick, says ${CANARY}` },
    },
  };
};

it('a canary in headers and body is found in no event, view, state row or log line', async () => {
  const { post } = await ingress.trigger();
  const { body, headers } = planted();
  const answer = await post(body, headers);
  expect(answer.status).toBe(202);
  expect(await tablesWith(CANARY)).toEqual([]);
  expect(await tablesWith('203.0.113.77')).toEqual([]);
  expect(ingress.logged.join('')).not.toContain(CANARY);
  expect(JSON.stringify(answer)).not.toContain(CANARY);
});

it('the search finds what is there', async () => {
  const { post } = await ingress.trigger();
  await post({ image: 'depot.test/canary-that-may-be-seen:1' });
  expect(await tablesWith('canary-that-may-be-seen')).toEqual(['log.event', 'view.delivery']);
});

it('the body is sealed, whole, for as many days as the settings say', async () => {
  const { post } = await ingress.trigger();
  const { body, headers } = planted();
  const text = JSON.stringify(body);
  const { body: answer } = await post(text, headers);
  expect((await ingress.secrets.openBody(String(answer.deliveryId)))?.toString()).toBe(text);
  const [row] = await ingress.rows(
    `select round(extract(epoch from expires_at - now()) / 86400)::int as days from state.delivery_body where delivery_id = $1`,
    [answer.deliveryId],
  );
  expect(row).toEqual({ days: 30 });
});

it('pusher and message stay out of the events; what the message decides does not', async () => {
  const { post } = await ingress.trigger();
  const { body, headers } = planted();
  const marked = {
    ...body,
    head_commit: { ...body.head_commit, message: `Trim [skip ci] the wick, says ${CANARY}\n\nskip-checks: true` },
  };
  const { body: answer } = await post(marked, { ...headers, 'x-github-delivery': 'marked' });
  const [event] = await ingress.rows(`select data from log.event where stream = 'delivery-' || $1`, [
    answer.deliveryId,
  ]);
  expect(event?.data).toMatchObject({
    events: [{ kind: 'git-push', pusher: null, message: '[skip ci]\nskip-checks: true' }],
  });
  const [view] = await ingress.rows('select events from view.delivery where id = $1', [answer.deliveryId]);
  expect(view?.events).toEqual((event?.data as { events: unknown }).events);
});

it('neither URL secret nor signing secret is found anywhere, after answers of every kind', async () => {
  const signingSecret = `signing-${CANARY}-secret`;
  const trigger = await ingress.trigger({ signingSecret });
  const answers = [
    await trigger.post({ image: 'depot.test/crate:1' }, { 'x-webhook-secret': signingSecret }),
    await trigger.post({ image: 'depot.test/crate:1' }, { 'x-webhook-secret': `${signingSecret}?` }),
    await trigger.post({ image: 7 }, { 'x-webhook-secret': signingSecret }),
    await ingress.post(`${trigger.secret}x`, {}),
  ];
  expect(answers.map(({ status }) => status)).toEqual([202, 401, 400, 404]);
  for (const secret of [signingSecret, trigger.secret]) {
    expect(await tablesWith(secret)).toEqual([]);
    expect(ingress.logged.join('')).not.toContain(secret);
    expect(JSON.stringify(answers)).not.toContain(secret);
  }
  expect(ingress.logged.join('')).toContain(trigger.id);
});
