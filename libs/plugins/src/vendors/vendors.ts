import type { Vendor } from '../inbound.js';
import { acr } from './acr/acr.js';
import { aliyunAcr } from './aliyun-acr/aliyun-acr.js';
import { azureDevops } from './azure-devops/azure-devops.js';
import { bitbucketCloud } from './bitbucket-cloud/bitbucket-cloud.js';
import { bitbucketServer } from './bitbucket-server/bitbucket-server.js';
import { cloudevents } from './cloudevents/cloudevents.js';
import { distribution } from './distribution/distribution.js';
import { dockerhub } from './dockerhub/dockerhub.js';
import { ecrEventbridge } from './ecr-eventbridge/ecr-eventbridge.js';
import { forgejo } from './forgejo/forgejo.js';
import { gcrPubsub } from './gcr-pubsub/gcr-pubsub.js';
import { generic } from './generic/generic.js';
import { gitea } from './gitea/gitea.js';
import { gitee } from './gitee/gitee.js';
import { github } from './github/github.js';
import { gitlab } from './gitlab/gitlab.js';
import { gogs } from './gogs/gogs.js';
import { harbor } from './harbor/harbor.js';
import { harness } from './harness/harness.js';
import { jfrog } from './jfrog/jfrog.js';
import { manual } from './manual/manual.js';
import { nexus } from './nexus/nexus.js';
import { quay } from './quay/quay.js';
import { standardWebhooks } from './standard-webhooks/standard-webhooks.js';

/**
 * The order is the precedence, and part of the contract: an empty body first; then senders by their header, forks
 * before what they imitate (Forgejo also sends Gitea's, Gogs' and GitHub's headers); then by envelope, special before
 * general; `generic` takes what is left.
 */
export const VENDORS: readonly Vendor[] = [
  manual,
  forgejo,
  gitea,
  gogs,
  github,
  gitlab,
  gitee,
  bitbucketServer,
  bitbucketCloud,
  harness,
  nexus,
  distribution,
  harbor,
  jfrog,
  azureDevops,
  acr,
  ecrEventbridge,
  gcrPubsub,
  aliyunAcr,
  dockerhub,
  quay,
  cloudevents,
  standardWebhooks,
  generic,
];
