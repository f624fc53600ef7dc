import { Injectable, type INestApplication } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { Plugins } from '../dependencies.js';
import { buildDocument } from './document.js';
import type { Json } from './to-openapi-31.js';

/** The API's own description. Drawn when somebody asks first: no start waits for it. */
@Injectable()
export class OpenApi {
  #draw: (() => OpenAPIObject) | null = null;
  #document: OpenAPIObject | null = null;

  describe(app: INestApplication, plugins: Plugins): void {
    this.#draw = () => buildDocument(app, plugins);
  }

  document(): OpenAPIObject {
    if (this.#draw === null) throw new Error('describe() was not called yet');
    return (this.#document ??= this.#draw());
  }

  /** JSON Schema of a plugin's config, whole: it refers to nothing outside. */
  schemaOf(config: { readonly name: string }): object {
    const schemas = this.document().components?.schemas as unknown as Record<string, Json>;
    return inlined(schemas[config.name] ?? {}, schemas) as object;
  }
}

const PREFIX = '#/components/schemas/';

function inlined(value: Json, schemas: Record<string, Json>): Json {
  if (Array.isArray(value)) return value.map((item) => inlined(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...rest } = value;
  if (typeof $ref === 'string' && $ref.startsWith(PREFIX)) {
    return { ...(inlined(schemas[$ref.slice(PREFIX.length)] ?? {}, schemas) as object), ...rest };
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inlined(inner, schemas)]));
}
