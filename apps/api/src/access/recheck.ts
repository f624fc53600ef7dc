import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Rejection } from '#domain/errors';
import { Authenticate } from './authenticate.js';

/** An open stream ends this long after its token was revoked, at the latest. */
const EVERY_MS = 4_000;

/** Lets a stream ask, as often as it likes, whether its reader may still read. */
@Injectable()
export class Recheck {
  constructor(private readonly authenticate: Authenticate) {}

  of(request: FastifyRequest): () => Promise<boolean> {
    let checkedAt = performance.now();
    return async () => {
      if (performance.now() - checkedAt < EVERY_MS) return true;
      checkedAt = performance.now();
      try {
        await this.authenticate.identify(request);
        return true;
      } catch (error) {
        if (error instanceof Rejection) return false;
        throw error;
      }
    };
  }
}
