import { Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { removal } from '#domain/removal';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { Removal } from '#store/views/observation.entity';
import { causeOf, notFound, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';

/** Many containers that nothing wants any more are removed only when a person says so. */
@Controller('nodes/:name')
export class RemovalController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  @Get('removal')
  @Needs('viewer')
  @ApiParam({ name: 'name', example: 'default' })
  @Answers(200, Removal, 'What waits to be removed from the node; 404 when nothing does')
  async read(@Param('name') name: string): Promise<Removal> {
    const found = await this.reads.getRepository(Removal).findOneBy({ node: name });
    if (found === null) throw notFound('removal');
    return found;
  }

  @Post('confirm-removal')
  @Needs('admin')
  @ApiParam({ name: 'name', example: 'default' })
  @Answers(200, Removal, 'Lets the reconciler remove exactly what waits now')
  async confirm(@Who() who: Identity, @Param('name') name: string): Promise<Removal> {
    const waiting = await this.read(name);
    const operation = on(removal, name, { type: 'ConfirmRemoval', node: name });
    await this.store.commit([{ ...operation, expectedVersion: waiting.version }], causeOf(who));
    return this.read(name);
  }
}
