import { Controller, Delete, Get, Inject, Param } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { node as decider } from '#domain/node';
import { on } from '#store/operation';
import type { Store } from '#store/store';
import { causeOf, notFound, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, STORE } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { AnswersPage, type Page } from '../http/page.js';
import { NodeAnswer } from './node.dto.js';
import { readNodes } from './read-nodes.js';

/** Docker hosts, and who serves them. A node joins by itself, with the first process that is started for it. */
@Controller('nodes')
export class NodesController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
  ) {}

  @Get()
  @Needs('viewer')
  @AnswersPage(NodeAnswer, 'Every node with its processes, all on one page')
  async list(): Promise<Page<NodeAnswer>> {
    return { items: await readNodes(this.reads), nextCursor: null };
  }

  @Get(':name')
  @Needs('viewer')
  @ApiParam({ name: 'name', example: 'default' })
  @Answers(200, NodeAnswer, 'A node with its processes')
  async read(@Param('name') name: string): Promise<NodeAnswer> {
    const found = (await readNodes(this.reads)).find((each) => each.name === name);
    if (found === undefined) throw notFound('node');
    return found;
  }

  @Delete(':name')
  @Needs('admin')
  @ApiParam({ name: 'name', example: 'berlin' })
  @Answers(204, null, 'Forgets a node that nobody serves and no workload is on')
  async forget(@Who() who: Identity, @Param('name') name: string): Promise<void> {
    const found = await this.read(name);
    const rows: { name: string }[] = await this.reads.query(
      `select name from view.workload where node = $1 and lifecycle <> 'gone' order by name limit 20`,
      [name],
    );
    const isServed = found.processes.some(({ isSilent }) => !isSilent);
    const workloads = rows.map((row) => row.name);
    const operation = on(decider, name, { type: 'ForgetNode', node: name, workloads, isServed });
    const extra = [{ text: 'delete from state.heartbeat where node = $1', values: [name] }];
    await this.store.commit([operation], { ...causeOf(who), extra });
  }
}
