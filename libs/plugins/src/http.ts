/** The guarded HTTP client: no private address unless the caller was given that host by a record. */
export interface Http {
  request(url: string, options?: HttpOptions): Promise<HttpAnswer>;
  /**
   * The body as it comes, unread: `timeoutMs` is for all of it, `maxBytes` is not looked at. Whoever does not read it to
   * its end leaves the loop over it, or aborts `signal`.
   */
  stream(url: string, options?: HttpOptions): Promise<HttpStream>;
}
export interface HttpStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}
export interface HttpOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole request; 5,000 unless told. */
  readonly timeoutMs?: number;
  /** Bytes of the answer that are read at most; 4 MiB unless told. */
  readonly maxBytes?: number;
  /** This host (`host[:port]`) is named in a record: private addresses and, with `insecure`, plain http are fine. */
  readonly allow?: { readonly host: string; readonly insecure: boolean };
  /** `allowedProviderHosts` of the settings, or their like: reached although they are not public, redirects too. */
  readonly reachable?: readonly string[];
  /**
   * `manual` (unless told) returns the 3xx; `same-host` follows to the same origin only; `checked` follows anywhere the
   * guard lets through, and sends nothing but `accept` to another origin.
   */
  readonly redirect?: 'manual' | 'same-host' | 'checked';
  /** Milliseconds without a byte after which a stream is given up. */
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
}
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}
