import type { FastifyRequest } from 'fastify';
import { Rejection } from '#domain/errors';
import type { Config } from '#runtime/config';

export const SESSION_SECONDS = 14 * 24 * 3600;

/** The session's secret from the cookie; null without one. */
export function readCookie(request: FastifyRequest, config: Config): string | null {
  const name = cookieName(config);
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const cut = part.indexOf('=');
    if (part.slice(0, cut).trim() === name) return part.slice(cut + 1).trim() || null;
  }
  return null;
}

/** `Set-Cookie` for this secret; null takes the cookie away. `__Host-` keeps sibling subdomains (deployed apps!) out. */
export function sessionCookie(secret: string | null, config: Config): string {
  const secure = isHttps(config) ? '; Secure' : '';
  const age = secret === null ? 0 : SESSION_SECONDS;
  return `${cookieName(config)}=${secret ?? ''}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`;
}

/** A browser says where a request comes from: a write by cookie must come from our own pages. */
export function requireOwnOrigin(request: FastifyRequest, config: Config): void {
  const origin = request.headers.origin;
  if (origin !== undefined && isOwnOrigin(origin, request, config)) return;
  const from = origin === undefined ? 'does not say where it comes from' : 'comes from another site';
  throw new Rejection('origin-refused', `The request ${from}. Use the console's own address, or a bearer token.`);
}

/** For routes that need nobody: a client that is no browser sends no Origin. */
export function refuseForeignOrigin(request: FastifyRequest, config: Config): void {
  if (request.headers.origin !== undefined) requireOwnOrigin(request, config);
}

function isOwnOrigin(origin: string, request: FastifyRequest, config: Config): boolean {
  if (config.publicUrl !== null && new URL(config.publicUrl).origin === origin) return true;
  return URL.parse(origin)?.host === request.headers.host;
}

function cookieName(config: Config): string {
  return isHttps(config) ? '__Host-tinyforge' : 'tinyforge';
}

function isHttps(config: Config): boolean {
  return config.publicUrl?.startsWith('https:') ?? false;
}
