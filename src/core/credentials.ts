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
