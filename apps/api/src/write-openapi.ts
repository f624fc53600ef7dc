import { writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SOURCES } from '#plugins/sources/sources';
import { TRIGGERS } from '#plugins/triggers/triggers';
import { ApiModule } from './api.module.js';
import type { ApiDependencies } from './dependencies.js';
import { buildDocument } from './openapi/document.js';

/** The committed openapi.json; drawn from the decorators alone, without a database. */
const plugins = { sources: SOURCES, triggers: TRIGGERS, vendors: [] };
const nothing = { plugins, clock: () => new Date(0) } as Partial<ApiDependencies> as ApiDependencies;
const app = await NestFactory.create<NestFastifyApplication>(ApiModule.forRoot(nothing), new FastifyAdapter(), {
  logger: ['error'],
});
app.setGlobalPrefix('api');
writeFileSync('openapi.json', `${JSON.stringify(buildDocument(app, plugins), null, 2)}\n`);
await app.close();
