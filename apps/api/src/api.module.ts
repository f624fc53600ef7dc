import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AccessGuard } from './access/access.guard.js';
import { Authenticate } from './access/authenticate.js';
import { Recheck } from './access/recheck.js';
import { SessionController } from './access/session.controller.js';
import { SetupController } from './access/setup.controller.js';
import { TokensController } from './access/tokens.controller.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import {
  CLOCK,
  CONFIG,
  HTTP,
  PLUGINS,
  READS,
  SECRETS,
  SEQUENCER,
  STORE,
  type ApiDependencies,
} from './dependencies.js';
import { CancelController } from './deployments/cancel.controller.js';
import { DeploymentsController } from './deployments/deployments.controller.js';
import { EventsController } from './events/events.controller.js';
import { EtagInterceptor } from './http/etag.js';
import { IdempotencyInterceptor } from './http/idempotency.js';
import { OpenApi } from './openapi/open-api.js';
import { LogsController } from './logs/logs.controller.js';
import { NodesController } from './nodes/nodes.controller.js';
import { RemovalController } from './nodes/removal.controller.js';
import { PluginsController } from './records/plugins.controller.js';
import { RegistriesController } from './records/registries.controller.js';
import { SettingsController } from './records/settings.controller.js';
import { BindingsController } from './triggers/bindings.controller.js';
import { ReplayController } from './deliveries/replay.controller.js';
import { FireController } from './triggers/fire.controller.js';
import { RecordDelivery } from './triggers/record-delivery.js';
import { SimulateController } from './triggers/simulate.controller.js';
import { PlanWorkload } from './workloads/plan-workload.js';
import { TriggersController } from './triggers/triggers.controller.js';
import { WebhookController } from './triggers/webhook.controller.js';
import { DockerVolumesController } from './volumes/docker-volumes.controller.js';
import { DeployController } from './workloads/deploy.controller.js';
import { PlanController } from './workloads/plan.controller.js';
import { DriftController } from './workloads/drift.controller.js';
import { EnvController } from './workloads/env.controller.js';
import { HoldController } from './workloads/hold.controller.js';
import { PromoteController } from './workloads/promote.controller.js';
import { ReleasesController } from './workloads/releases.controller.js';
import { RunStateController } from './workloads/run-state.controller.js';
import { ResolveArtifact } from './workloads/resolve-artifact.js';
import { VolumesController } from './workloads/volumes.controller.js';
import { WorkloadReadsController } from './workloads/workload-reads.controller.js';
import { WorkloadsController } from './workloads/workloads.controller.js';

export const CONTROLLERS = [
  WorkloadsController,
  DeployController,
  PlanController,
  WorkloadReadsController,
  EnvController,
  VolumesController,
  HoldController,
  RunStateController,
  ReleasesController,
  PromoteController,
  DriftController,
  LogsController,
  NodesController,
  RemovalController,
  DockerVolumesController,
  TriggersController,
  WebhookController,
  FireController,
  SimulateController,
  ReplayController,
  BindingsController,
  DeliveriesController,
  DeploymentsController,
  CancelController,
  RegistriesController,
  PluginsController,
  SettingsController,
  TokensController,
  SessionController,
  SetupController,
  EventsController,
];

@Module({})
export class ApiModule {
  static forRoot(deps: ApiDependencies): DynamicModule {
    return {
      module: ApiModule,
      controllers: CONTROLLERS,
      providers: [
        ...handedIn(deps),
        Authenticate,
        Recheck,
        OpenApi,
        ResolveArtifact,
        PlanWorkload,
        RecordDelivery,
        { provide: APP_GUARD, useClass: AccessGuard },
        // In this order: the ETag stands when the answer is kept under its key.
        { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useClass: EtagInterceptor },
      ],
    };
  }
}

function handedIn({ store, reads, secrets, sequencer, plugins, config, http, clock }: ApiDependencies) {
  return [
    { provide: STORE, useValue: store },
    { provide: READS, useValue: reads },
    { provide: SECRETS, useValue: secrets },
    { provide: SEQUENCER, useValue: sequencer },
    { provide: PLUGINS, useValue: plugins },
    { provide: CONFIG, useValue: config },
    { provide: HTTP, useValue: http },
    { provide: CLOCK, useValue: clock },
  ];
}
