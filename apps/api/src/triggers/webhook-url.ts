import type { Config } from '#runtime/config';

/** Where a vendor sends to. Without a public address: what works on this host. */
export function webhookUrl({ publicIngressUrl, bind, ingressPort }: Config, secret: string): string {
  const base = publicIngressUrl ?? `http://${bind.includes(':') ? `[${bind}]` : bind}:${ingressPort}`;
  return `${base}/api/webhook/triggers/${secret}`;
}
