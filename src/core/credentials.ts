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

/** A key, or a code, whose kind stands before it without a gap. Other words end in `key` too: `monkey`, `hotkey`. */
const compound =
  '(?:access|account|admin|api|app|auth|client|function|host|licen[cs]e|master|private|public|secret|server|service|shared|subscription)keys?|authcode';

/**
 * As words of their own: many a harmless name has one of them as a part (`author`, `keyword`, `design`). A SAML response and an
 * assertion are a log-in, a ticket is one of CAS.
 */
const words = `${compound}|bearer|cookie2?|ticket|assertion|saml[-_]?response|jwt|sid`;
const anywhere = new RegExp(`(^|[^a-z])(${words})([^a-z]|$)`, 'i');

/** What a proxy that has asked who it is tells the server behind it. */
const identity = /(^|-)((forwarded|remote)-(user|email|groups|preferred-username)|client-principal|oidc)(-|$)/i;

/** Whether a header by this name says who asks. An `Idempotency-Key` names the request, an `Author` whoever wrote something. */
export function isSecretHeader(name: string): boolean {
  return /auth(?!ors?(-|$))|(^|-)(?<!idempotency-)key$/i.test(name) || secret.test(name) || anywhere.test(name) || identity.test(name);
}

/** `code` alone is that of a log-in; `country_code` is none. By an `appid` some services know whom to bill. */
const parameters = /(^|[^a-z])(o?auth|authentication|authorization|key|sig|pwd|pass|app[-_]?id)([^a-z]|$)|^code$/i;

/**
 * Where in a list the asker is, which everybody is told who asks for the list: who he is stands beside it. `pageToken`, `nextToken`,
 * `continuationToken` and the like, in any spelling; `cursor` has nothing of a secret's name.
 */
const place = /^((next|prev|previous)_?)?(page|pagination|continuation|resumption)[-_]?token$|^(next|prev|previous)[-_]?token$/i;

/** Whether a parameter by this name, in the query of a URL, says who asks. A harmless one too many costs a kept answer, one too few a secret. */
export function isSecretParameter(name: string): boolean {
  if (place.test(name)) return false;
  const separated = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2');
  return secret.test(name) || anywhere.test(separated) || parameters.test(separated);
}
