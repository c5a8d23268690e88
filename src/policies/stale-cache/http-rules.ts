/** A request or response as far as caching goes: names of headers in lower case, values joined. */
export interface HttpHead {
  readonly method?: string;
  readonly url?: string;
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What has to be known of a stored response to tell whether it may be served. Data: the codec keeps it. */
export type HttpRecord = Readonly<Record<string, unknown>>;

/** The rules of HTTP caching (RFC 9111) and of stale answers in case of errors (RFC 5861). */
export interface HttpRules {
  /**
   * Of a response that may be stored; `undefined` for one that may not.
   * @param shared whether other users may get it: `false` only where the key names whose it is
   */
  keep(request: HttpHead, response: HttpHead, shared: boolean): HttpRecord | undefined;
  /** Its age in seconds, for the header `Age`, if a stored response may be served in place of an error or of no answer; else `undefined`. */
  mayServe(record: HttpRecord, request: HttpHead): number | undefined;
}
