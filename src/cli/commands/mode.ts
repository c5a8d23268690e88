import { misspeltSystem } from '../../config/system-names.ts';
import { nearest } from '../../core/nearest.ts';
import type { MatchRequest, ModeRequest } from '../../management/wire.ts';
import { tellChanges } from '../admin-answer.ts';
import type { Command } from '../command.ts';
import { exitCodes, usageError } from '../exit-codes.ts';

const modes = ['off', 'shadow', 'enforce', 'configured'] as const satisfies readonly ModeRequest['mode'][];
const fields = ['name', 'system', 'server', 'operation'] as const satisfies readonly (keyof MatchRequest)[];

export const mode: Command = {
  name: 'mode',
  usage: `<${modes.join('|')}>`,
  summary: 'Set the mode of all breakers, or of those that match',
  details: [
    'It stands above the configuration and its reloads, also for breakers to come, until `mode configured`. Needs an admin token.',
    "Example: otel-breaker mode shadow --match 'system=redis,operation=read'",
  ],
  takes: [1, 1],
  remote: true,
  flags: {
    match: {
      type: 'string',
      value: '<k=v,...>',
      help: `of ${fields.join(', ')}; * and ? in values stand for any text and one character`,
      multiple: true,
    },
    reason: { type: 'string', value: '<text>', help: 'for the audit log: why' },
  },
  async run({ positionals: [given = ''], option, options, client, io, style, json }) {
    const wanted = modes.find((each) => each === given);
    if (wanted === undefined) throw usageError(`the mode is '${given}'; allowed: ${modes.join(', ')}`);
    const match = matchOf(options('match'));
    const reason = option('reason');
    const answer = await client().mode({ mode: wanted, ...(match && { match }), ...(reason !== undefined && { reason }) });
    tellChanges(io, style, json, [], [answer]);
    if (!json && answer.changes.length === 0) io.out('no breaker has changed; it holds for those to come\n');
    return exitCodes.ok;
  },
};

/** Of texts such as `system=redis,operation=read`. */
export function matchOf(texts: readonly string[]): MatchRequest | undefined {
  // Only before another field: a value may have commas of its own.
  const parts = texts.flatMap((text) => text.split(/,(?=\s*[\w-]+=)/));
  const match: Partial<Record<(typeof fields)[number], string>> = {};
  for (const part of parts) {
    const [, key = part, value = ''] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(part) ?? [];
    const field = fields.find((each) => each === key);
    const near = nearest(key, fields);
    if (field === undefined)
      throw usageError(`--match has '${key}'${near ? `; did you mean ${near}?` : ''}; allowed: ${fields.join(', ')}, as system=redis`);
    if (value === '') throw usageError(`--match ${field} has no value: ${field}=...`);
    if (match[field] !== undefined) throw usageError(`--match ${field} is given twice`);
    const meant = field === 'system' ? misspeltSystem(value) : undefined;
    if (meant !== undefined) throw usageError(`--match system is '${value}'; did you mean ${meant}?`);
    match[field] = value;
  }
  return parts.length === 0 ? undefined : match;
}
