import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApi, type Answer, type Api } from './fixture.js';

let api: Api;
let document: Answer;
beforeAll(async () => {
  api = await startTestApi();
  document = (await api.call('get', '/api/openapi.json', undefined, { token: null }).expect(200)).body;
});
afterAll(() => api.stop());

interface Operation extends Answer {
  readonly id: string;
}

function operations(): Operation[] {
  return Object.entries<Answer>(document['paths']).flatMap(([path, item]) =>
    Object.entries<Answer>(item).map(([method, operation]) => ({ ...operation, id: `${method} ${path}` })),
  );
}

test('is 3.1, and the same outside /api', async () => {
  expect(document['openapi']).toBe('3.1.0');
  expect((await api.call('get', '/openapi.json', undefined, { token: null }).expect(200)).body).toEqual(document);
  expect(JSON.stringify(document)).not.toContain('"nullable"');
});

test('names every operation once, says who may call it and how it answers', () => {
  const all = operations();
  expect(new Set(all.map((operation) => operation['operationId'])).size).toBe(all.length);
  for (const operation of all) {
    expect(operation['x-needs'], operation.id).toBeDefined();
    expect(operation['summary'], operation.id).toMatch(/\w+ \w+/);
    expect(Object.keys(operation['responses']), operation.id).toEqual(expect.arrayContaining(['4XX', '5XX']));
    const good = Object.entries<Answer>(operation['responses']).filter(([status]) => /^2\d\d$/.test(status));
    expect(good, operation.id).toHaveLength(1);
    const [[status, answer]] = good as [[string, Answer]];
    const isStream = /\/(log|logs|stream)$/.test(operation.id);
    if (status !== '204' && !isStream)
      expect(answer['content']?.['application/json']?.schema?.$ref, operation.id).toMatch(/^#\/components\/schemas\//);
  }
});

test('refers to nothing that is not there, and leaves no schema empty', () => {
  const schemas = document['components'].schemas as Record<string, Answer>;
  const referred = [...JSON.stringify(document).matchAll(/#\/components\/schemas\/([^"]+)/g)].map(([, name]) => name!);
  expect(referred.filter((name) => schemas[name] === undefined)).toEqual([]);
  const untyped = Object.entries(schemas).flatMap(([name, schema]) =>
    Object.entries<Answer>(schema['properties'] ?? {})
      .filter(([, property]) => !['type', '$ref', 'anyOf', 'allOf', 'enum'].some((key) => key in property))
      .map(([field]) => `${name}.${field}`),
  );
  expect(untyped).toEqual([]);
});

test('every path parameter is described', () => {
  for (const operation of operations()) {
    const names = [...operation.id.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    const described = (operation['parameters'] ?? [])
      .filter((parameter: Answer) => parameter['in'] === 'path')
      .map((parameter: Answer) => parameter['name']);
    expect(described.sort(), operation.id).toEqual(names.sort());
  }
});
