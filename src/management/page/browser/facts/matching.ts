import type { BreakerView, MatchRequest } from '../../../wire.ts';

/** Which circuits a match means, as the service will say it. */
export function matching(views: readonly BreakerView[], { name, system, server, operation }: MatchRequest): BreakerView[] {
  return views.filter(
    (view) =>
      fits(name, [view.name]) &&
      fits(system, [view.target.system], 'i') &&
      fits(operation, [view.target.operation]) &&
      fits(server, serverNames(view), 'i'),
  );
}

function serverNames({ target: { address, port, server } }: BreakerView): (string | undefined)[] {
  const host = address?.includes(':') ? `[${address}]` : address;
  return [server, address, host === undefined || port === undefined ? undefined : `${host}:${port}`];
}

/** `*` and `?` stand for any text and one character. */
function fits(pattern: string | undefined, texts: readonly (string | undefined)[], flags = ''): boolean {
  if (pattern === undefined) return true;
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, `s${flags}`);
  return texts.some((text) => text !== undefined && expression.test(text));
}
