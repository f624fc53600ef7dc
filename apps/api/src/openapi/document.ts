import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { Plugins } from '../dependencies.js';
import { ProblemAnswer } from './problem.dto.js';
import { toOpenApi31, type Json } from './to-openapi-31.js';

const METHODS = new Set(['get', 'put', 'post', 'patch', 'delete']);

/** OpenAPI 3.1, the same for the same code: keys sorted, no clock, no environment. */
export function buildDocument(app: INestApplication, { sources, triggers }: Plugins): OpenAPIObject {
  const options = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Tiny Forge')
    .setDescription('Deploys containers and keeps them running. Errors are RFC 9457 problems with a stable `code`.')
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API token' }, 'token')
    .addCookieAuth('tinyforge', { type: 'apiKey', in: 'cookie', description: "The console's session" }, 'session')
    .build();
  const extraModels = [ProblemAnswer, ...[...sources, ...triggers].map(({ config }) => config)];
  const document = SwaggerModule.createDocument(app, options, { extraModels, operationIdFactory });
  for (const item of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(item as Record<string, Json>))
      if (METHODS.has(method)) complete(operation, method);
  }
  return sorted(toOpenApi31(document as unknown as Json)) as unknown as OpenAPIObject;
}

const IDEMPOTENCY_KEY: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and body get the first answer again, for a day',
  schema: { type: 'string', maxLength: 200 },
};

function operationIdFactory(controller: string, method: string): string {
  const noun = controller.replace(/Controller$/, '');
  return `${noun.charAt(0).toLowerCase()}${noun.slice(1)}_${method}`;
}

/** What every operation has in common: who may call it, and what a refusal looks like. */
function complete(operation: Json, method: string): void {
  const fields = operation as Record<string, Json>;
  fields['security'] = fields['x-needs'] === 'nobody' ? [] : [{ token: [] }, { session: [] }];
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemAnswer' } } };
  if (method === 'post')
    fields['parameters'] = [...((fields['parameters'] as Json[] | undefined) ?? []), IDEMPOTENCY_KEY];
  fields['responses'] = {
    ...(fields['responses'] as Record<string, Json>),
    '4XX': { description: 'Refused; `code` and `errors` say why', content: problem },
    '5XX': { description: 'Not possible now; try again', content: problem },
  };
}

/** Keys by name; lists keep their order. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
