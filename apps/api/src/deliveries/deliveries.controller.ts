import { Controller, Get, Inject, Query } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Secrets } from '#store/secrets';
import { notFound, Who, type Identity } from '../access/identity.js';
import { Needs } from '../access/needs.js';
import { READS, SECRETS } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { Id } from '../http/id.js';
import { AnswersPage, type Page } from '../http/page.js';
import { BodyAnswer, DeliveriesQuery, DeliveryAnswer, DeliveryDetail } from './delivery.dto.js';
import { listDeliveries, readDelivery } from './read-deliveries.js';

@Controller('deliveries')
export class DeliveriesController {
  constructor(
    @Inject(READS) private readonly reads: DataSource,
    @Inject(SECRETS) private readonly secrets: Secrets,
  ) {}

  @Get()
  @Needs('viewer', 'workload')
  @AnswersPage(DeliveryAnswer, 'Deliveries, newest first')
  list(@Who() who: Identity, @Query() query: DeliveriesQuery): Promise<Page<DeliveryAnswer>> {
    return listDeliveries(this.reads, who, query);
  }

  @Get(':id')
  @Needs('viewer', 'workload')
  @Answers(200, DeliveryDetail, 'A delivery, and what each binding made of it')
  read(@Who() who: Identity, @Id() id: string): Promise<DeliveryDetail> {
    return readDelivery(this.reads, who, id);
  }

  @Get(':id/body')
  @Needs('admin')
  @Answers(200, BodyAnswer, 'What was sent; kept for the days of the settings')
  async body(@Id() deliveryId: string): Promise<BodyAnswer> {
    const body = await this.secrets.openBody(deliveryId);
    if (body === null) throw notFound('body: it was never kept, or its days are over');
    return { deliveryId, body: body.toString('utf8') };
  }
}
