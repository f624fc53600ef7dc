import 'reflect-metadata';
import helmet from '@fastify/helmet';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { registerHealthRoutes } from '#runtime/health-routes';
import { nestLogger } from '#runtime/logging';
import { ProblemFilter } from '#runtime/problem';
import { RequestValidation } from '#runtime/validation';
import { ApiModule } from './api.module.js';
import type { ApiDependencies } from './dependencies.js';
import { acceptJsonOnly, BODY_LIMIT } from './http/json-body.js';
import { OpenApi } from './openapi/open-api.js';
import { registerPages } from './pages/pages.js';

/** No inline script or style anywhere: what a workload's name or log holds stays text. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    'default-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'none'"],
  },
};

/** The API, ready to listen or to be asked by supertest. It owns nothing that it was given. */
export async function createApi(deps: ApiDependencies): Promise<NestFastifyApplication> {
  // Streams are open for hours: closing the app must not wait for their readers.
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
  });
  const logger = nestLogger(deps.logger);
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.forRoot(deps), adapter, {
    bodyParser: false,
    logger,
    abortOnError: false,
  });
  const server = adapter.getInstance();
  acceptJsonOnly(server);
  await app.register(helmet, { contentSecurityPolicy: CONTENT_SECURITY_POLICY });
  app.setGlobalPrefix('api');
  app.useGlobalPipes(new RequestValidation());
  app.useGlobalFilters(new ProblemFilter(deps.logger));
  registerHealthRoutes(server, deps);
  const openApi = app.get(OpenApi);
  openApi.describe(app, deps.plugins);
  registerPages(server, openApi);
  await app.init();
  await server.ready();
  return app;
}
