import type { Story } from './types.ts';

/**
 * What the servers hold at the end against what the callers were told: done is done, refused is not, and no transaction is
 * half done.
 */
export function checkLedger({ results, finish }: Story): string[] {
  const wrong: string[] = [];
  const held = Object.fromEntries(Object.entries(finish?.ledger ?? {}).map(([name, entries]) => [name, new Set(entries)]));
  const pg = Object.values(finish?.ledger['pg'] ?? []).length;
  if (pg !== held['pg']?.size) wrong.push(`pg: ${pg} rows, ${held['pg']?.size} different ones`);
  for (const [n, , kind, , , outcome] of results) {
    const parts = partsOf(kind, n);
    if (parts === undefined) continue;
    const [ledger, entries] = parts;
    const there = entries.filter((entry) => held[ledger]?.has(entry)).length;
    const never = outcome === 'EBREAKEROPEN' || kind === 'pg rollback';
    if (never && there > 0) wrong.push(`#${n} ${kind}: ${outcome}, and yet it is there`);
    else if (!never && outcome === 'ok' && there < entries.length) wrong.push(`#${n} ${kind}: ok, and yet it is not there`);
    else if (there > 0 && there < entries.length) wrong.push(`#${n} ${kind}: ${outcome}, half of it is there`);
  }
  return wrong;
}

function partsOf(kind: string, n: number): [ledger: string, entries: string[]] | undefined {
  switch (kind) {
    case 'redis ledger':
      return [kind, [`${n}`]];
    case 'redis ledger multi':
      return [kind, [`${n}a`, `${n}b`]];
    case 'pg insert':
      return ['pg', [`${n}a`]];
    case 'pg transaction':
    case 'pg rollback':
      return ['pg', [`${n}a`, `${n}b`]];
    default:
      return undefined;
  }
}
