import { createHash, createHmac } from 'node:crypto';
import { SECRETS } from './secret-watch.js';
import type { Images, Good } from './images.js';
import type { PlatformApi } from './platform-api.js';
import type { RegistryFront } from './registry-front.js';
import type { WorldWorkload } from './world.js';

export interface Push {
  readonly tag: string;
  readonly body: string;
}

export interface IngressAnswer {
  readonly status: number;
  readonly deliveryId: string | null;
}

/** Pushes to the ingress as a registry would tell them, and what the ingress promised about them. */
export class Deliveries {
  #url = '';
  #patch = 1;
  /** Answered 202: they must be there, once. */
  readonly acked = new Set<string>();
  /** Tag → how many answers said that they are stored, for the count of each to be one. */
  readonly tags = new Map<string, Set<string>>();

  constructor(
    private readonly ingressUrl: string,
    private readonly registry: RegistryFront,
    private readonly images: Images,
  ) {}

  async bind(api: PlatformApi, workloads: readonly WorldWorkload[]): Promise<void> {
    const config = { select: { policy: 'semver', range: '>=0.0.0' } };
    const signing = { vendor: 'generic', signingSecret: SECRETS.signing };
    const body = { kind: 'registry', name: 'pushes', config, ...signing };
    const trigger = await api.must({ method: 'POST', path: '/triggers', body });
    for (const { id } of workloads)
      await api.must({ method: 'POST', path: `/workloads/${id}/triggers`, body: { triggerId: trigger.id } });
    const { secret } = await api.must({ path: `/triggers/${trigger.id}/webhook` });
    this.#url = `${this.ingressUrl}/api/webhook/triggers/${secret}`;
  }

  /** The next version, in the registry and as the body that tells of it. */
  async push(of: Good): Promise<Push> {
    const tag = `1.0.${(this.#patch += 1)}`;
    const digest = await this.images.tagPushed(tag, of);
    return { tag, body: JSON.stringify({ image: `${this.registry.host}/acme/web`, tag, digest }) };
  }

  /** One try; throws when there is no answer. */
  async send({ tag, body }: Push): Promise<IngressAnswer> {
    const signature = createHmac('sha256', SECRETS.signing).update(body).digest('hex');
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-hub-signature-256': `sha256=${signature}`,
        'idempotency-key': createHash('sha256').update(tag).digest('hex'),
      },
      body,
      signal: AbortSignal.timeout(15_000),
    });
    const text = await answer.text();
    const { deliveryId = null, of = null } = JSON.parse(text) as { deliveryId?: string; of?: string };
    const id = deliveryId ?? of;
    if (answer.ok && id !== null) {
      this.acked.add(id);
      this.tags.set(tag, (this.tags.get(tag) ?? new Set()).add(id));
    }
    return { status: answer.status, deliveryId: id };
  }

  /** As a sender that tries again until it is taken. */
  async deliver(push: Push, deadlineMs = 30_000): Promise<string> {
    const end = Date.now() + deadlineMs;
    for (;;) {
      const answer = await this.send(push).catch(() => null);
      if (answer?.deliveryId != null) return answer.deliveryId;
      if (answer !== null && answer.status < 500 && answer.status !== 429)
        throw new Error(`the delivery of ${push.tag} was answered ${answer.status}`);
      if (Date.now() > end) throw new Error(`the delivery of ${push.tag} was not taken: ${answer?.status}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
