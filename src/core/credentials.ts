/**
 * Takes credentials out of what is told to people: user and password of a URL, and what follows its `?`. A password need not be
 * encoded as it should be: everything up to the last `@` of the line goes, be it too much.
 */
export function withoutCredentials(text: string): string {
  return text.replace(
    /\b([a-z][a-z0-9+.-]*:\/\/)([^\n]*@)?([^\s"'?]*)(\?[^\s"']*)?/gi,
    (_, scheme: string, credentials: string | undefined, rest: string, query: string | undefined) =>
      `${scheme}${credentials === undefined ? '' : '[...]@'}${rest}${query === undefined ? '' : '?[...]'}`,
  );
}

/** Takes given secrets out of a text that somebody else has written. */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>((rest, secret) => (secret === undefined || secret === '' ? rest : rest.replaceAll(secret, '[...]')), text);
}

/** Wherever they stand in a name, of a header or of a query's parameter: what it holds is a secret, or says whose request it is. */
const secret = /token|secret|api[-_]?key|sess(ion|id)|signature|credential|passw|passphrase/i;

/** Whether a header by this name says who asks. An `Idempotency-Key` names the request. */
export function isSecretHeader(name: string): boolean {
  return /^cookie2?$|auth|(^|-)(?<!idempotency-)key$/i.test(name) || secret.test(name);
}

/**
 * As words of their own: many a harmless parameter has one of them as a part (`author`, `keyword`, `design`). `code` alone is that of a
 * log-in; `country_code` is none.
 */
const secretWords = /(^|[^a-z])(o?auth|authentication|authorization|key|sig|sid|jwt|pwd|pass)([^a-z]|$)|^code$/i;

/** Whether a parameter by this name, in the query of a URL, says who asks. A harmless one too many costs a kept answer, one too few a secret. */
export function isSecretParameter(name: string): boolean {
  return secret.test(name) || secretWords.test(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2'));
}
