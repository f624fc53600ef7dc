import { Body, Controller, Inject, Post } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { v7 as uuid } from 'uuid';
import { requestDeployment } from '#store/request-deployment';
import type { Store } from '#store/store';
import { causeOf, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { PLUGINS, READS, STORE, type Plugins } from '../dependencies.js';
import { DeploymentDetail } from '../deployments/deployment.dto.js';
import { readDeployment } from '../deployments/read-deployment.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { requirePresent } from './check-workload.js';
import { findWorkload } from './find-workload.js';
import { promotion } from './promote.js';
import { PromoteInput } from './release.dto.js';

@Controller('workloads/:id')
export class PromoteController {
  constructor(
    @Inject(STORE) private readonly store: Store,
    @Inject(READS) private readonly reads: DataSource,
    @Inject(PLUGINS) private readonly plugins: Plugins,
  ) {}

  @Post('promote-from')
  @Needs('deployer', 'workload')
  @Answers(202, DeploymentDetail, 'Runs the very artifact that runs in the parent, with this workload’s own config')
  async promote(@Who() who: Identity, @Id() id: string, @Body() body: PromoteInput): Promise<DeploymentDetail> {
    const row = await findWorkload(this.reads, who, id);
    requirePresent(row);
    const { store, reads, plugins } = this;
    const request = await promotion({ store, reads, plugins }, { who, row, id: uuid() }, body);
    await requestDeployment(store, request, causeOf(who));
    return readDeployment({ store, reads }, who, request.id);
  }
}
