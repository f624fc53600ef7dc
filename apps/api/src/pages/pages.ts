import type { FastifyInstance, FastifyReply } from 'fastify';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { OpenApi } from '../openapi/open-api.js';
import { DOCS_PAGE, DOCS_SCRIPT } from './docs-page.js';
import { SETUP_PAGE, SETUP_SCRIPT, SETUP_STYLE } from './setup-page.js';

type Routable = Pick<FastifyInstance, 'get'>;

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** What a browser may have without signing in: the description of the API, its page, and the setup page. */
export function registerPages(server: Routable, openApi: OpenApi): void {
  for (const base of ['', '/api']) {
    server.get(`${base}/openapi.json`, async () => openApi.document());
    server.get(`${base}/docs`, (_request, reply) => send(reply, HTML, DOCS_PAGE));
  }
  server.get('/docs/docs.js', (_request, reply) => send(reply, SCRIPT, DOCS_SCRIPT));
  server.get('/docs/swagger-ui.js', (_request, reply) => send(reply, SCRIPT, asset('swagger-ui-bundle.js')));
  server.get('/docs/swagger-ui.css', (_request, reply) => send(reply, STYLE, asset('swagger-ui.css')));
  server.get('/setup', (_request, reply) => send(reply, HTML, SETUP_PAGE));
  server.get('/setup/setup.js', (_request, reply) => send(reply, SCRIPT, SETUP_SCRIPT));
  server.get('/setup/setup.css', (_request, reply) => send(reply, STYLE, SETUP_STYLE));
}

function send(reply: FastifyReply, type: string, body: string): FastifyReply {
  return reply.type(type).header('cache-control', 'no-cache').send(body);
}

/** Swagger UI comes with @nestjs/swagger; read when somebody looks at the page first. */
function asset(name: string): string {
  const fromSwagger = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  const folder = dirname(fromSwagger.resolve('swagger-ui-dist/package.json'));
  const known = assets.get(name) ?? readFileSync(join(folder, name), 'utf8');
  assets.set(name, known);
  return known;
}

const assets = new Map<string, string>();
