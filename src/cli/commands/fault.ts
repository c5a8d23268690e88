import { isLiteral } from '../../config/glob.ts';
import { parseDuration } from '../../core/text-values.ts';
import type { FaultRequest, FaultView } from '../../management/wire.ts';
import type { Client } from '../client.ts';
import type { Command, Invocation } from '../command.ts';
import { exitCodes, usageError } from '../exit-codes.ts';
import { length, percent } from '../numbers.ts';
import { pick } from '../pick.ts';
import { printable, type Style } from '../style.ts';
import { matchOf } from './mode.ts';

const kinds = ['list', 'error', 'latency', 'hang', 'off'] as const;
type Kind = (typeof kinds)[number];

/** Which options a kind has a meaning for, beside those of all. */
const meant: Readonly<Record<string, readonly Kind[]>> = {
  share: ['error', 'latency', 'hang'],
  duration: ['error', 'latency', 'hang'],
  latency: ['latency'],
  code: ['error'],
  message: ['error'],
  match: ['error', 'latency', 'hang', 'off'],
  reason: ['error', 'latency', 'hang', 'off'],
};

export const fault: Command = {
  name: 'fault',
  usage: `<${kinds.join('|')}> [name or glob]`,
  summary: 'Inject faults on purpose, for a game day, or end them',
  details: [
    'error: calls fail without reaching their server; latency: they are answered later; hang: they are neither made nor answered.',
    'It ends by itself, after a minute unless --duration says otherwise. off without a name ends everything. In production it is refused,',
    'unless the service allows it. Needs an admin token. list shows what is injected.',
    "Example: otel-breaker fault hang 'redis://* read' --share 50% --duration 2m --reason 'game day'",
  ],
  takes: [1, 2],
  remote: true,
  flags: {
    share: { type: 'string', value: '<share>', help: 'of the calls that meet it: 0.5 or 50% (default all)' },
    latency: { type: 'string', value: '<time>', help: 'of latency: by how much calls take longer, as 200ms' },
    duration: { type: 'string', value: '<time>', help: 'when it ends by itself, at most 1h (default 60s)' },
    code: { type: 'string', value: '<code>', help: 'of error: such as ECONNRESET (default EINJECTEDFAULT)' },
    message: { type: 'string', value: '<text>', help: 'of error' },
    match: { type: 'string', value: '<k=v,...>', help: 'instead of a name, as for mode; circuits to come as well', multiple: true },
    reason: { type: 'string', value: '<text>', help: 'for the audit log: why' },
  },
  async run(invocation) {
    const [given = '', glob] = invocation.positionals;
    const kind = kinds.find((each) => each === given);
    if (kind === undefined) throw usageError(`the fault is '${given}'; allowed: ${kinds.join(', ')}`);
    checkMeaning(invocation, kind, glob);
    if (kind === 'list') return list(invocation);
    const request = requestOf(invocation, kind);
    const server = invocation.client();
    const answer = await server.inject({ ...request, ...(await scopeOf(invocation, kind, glob, server)) });
    tell(invocation, answer.faults ?? [], { actor: answer.actor });
    return exitCodes.ok;
  },
};

async function list(invocation: Invocation) {
  const { faults, refused } = await invocation.client().faults();
  tell(invocation, faults, refused === undefined ? {} : { refused });
  if (refused !== undefined && !invocation.json) invocation.io.out(`${printable(refused)}\n`);
  return exitCodes.ok;
}

function checkMeaning({ has, option }: Invocation, kind: Kind, glob: string | undefined): void {
  for (const [flag, fitting] of Object.entries(meant))
    if ((has(flag) || option(flag) !== undefined) && !fitting.includes(kind))
      throw usageError(`--${flag} has no meaning for ${kind}; it is for ${fitting.join(', ')}`);
  const matched = option('match') !== undefined;
  if (kind === 'list' && glob !== undefined) throw usageError(`'${glob}' is too much: fault list shows all`);
  if (glob !== undefined && matched) throw usageError('a name and --match are both given; one of the two says whose calls meet it');
  if ((kind === 'error' || kind === 'latency' || kind === 'hang') && glob === undefined && !matched)
    throw usageError(`whose calls is missing: otel-breaker fault ${kind} <name or glob>, or --match; '*' means all`);
  if (kind === 'latency' && option('latency') === undefined)
    throw usageError('--latency is missing: by how much calls take longer, as --latency 200ms');
}

function requestOf({ option }: Invocation, kind: Exclude<Kind, 'list'>): FaultRequest {
  const [share, latency, duration, code, message, reason] = ['share', 'latency', 'duration', 'code', 'message', 'reason'].map((name) => option(name));
  return {
    kind,
    ...(share !== undefined && { share: shareOf(share) }),
    ...(latency !== undefined && { latencyMs: timeOf('latency', latency) }),
    ...(duration !== undefined && { durationMs: timeOf('duration', duration) }),
    ...((code !== undefined || message !== undefined) && {
      error: { ...(code !== undefined && { code }), ...(message !== undefined && { message }) },
    }),
    ...(reason !== undefined && { reason }),
  };
}

async function scopeOf(
  { options }: Invocation,
  kind: Kind,
  glob: string | undefined,
  server: Client,
): Promise<Pick<FaultRequest, 'breaker' | 'match'>> {
  const match = matchOf(options('match'));
  if (match !== undefined) return { match };
  if (glob === undefined) return {};
  const overview = await server.overview();
  // A breaker of just that name comes first, whatever is in it; a pattern holds for those to come as well.
  if (overview.breakers.some(({ name }) => name === glob)) return { breaker: glob };
  if (!isLiteral(glob)) return { match: { name: glob } };
  const [only] = pick(overview, glob);
  return only === undefined || kind === 'list' ? {} : { breaker: only.name };
}

function shareOf(text: string): number {
  const [, number, sign] = /^\s*(\d+(?:\.\d+)?)\s*(%)?\s*$/.exec(text) ?? [];
  const share = sign === undefined ? Number(number) : Number(number) / 100;
  if (!(share > 0 && share <= 1)) throw usageError(`--share is '${text}'; allowed: over 0 and at most 1, as 0.5 or 50%`);
  return share;
}

function timeOf(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw usageError(`--${flag} is '${text}'; allowed: a time over 0, as 200ms, 30s, 5m`);
  return ms;
}

function tell({ io, json, style }: Invocation, faults: readonly FaultView[], more: object): void {
  if (json) io.out(`${JSON.stringify({ ...more, faults })}\n`);
  else if (faults.length === 0) io.out('no faults are injected\n');
  else for (const each of faults) io.out(`${line(each, style)}\n`);
}

/** As `hang, 50 % of the calls of redis://h:6379 read: 2 min left; 12 calls have met it, 3 wait; by ops (game day)`. */
function line({ kind, share, latencyMs, error, scope, breakers, remainingMs, calls, waiting, by, reason }: FaultView, style: Style): string {
  const what = kind === 'latency' ? `latency of ${length(latencyMs ?? 0)}` : kind === 'error' ? `error ${error?.code ?? ''}` : kind;
  const whose = share === 1 ? 'all calls' : `${percent(share)} of the calls`;
  const concerned =
    breakers.length === 1 && breakers[0] === scope ? '' : ` (${breakers.length} ${breakers.length === 1 ? 'circuit' : 'circuits'} now)`;
  const met = `${calls} ${calls === 1 ? 'call has' : 'calls have'} met it${waiting > 0 ? `, ${waiting} wait` : ''}`;
  const who = `by ${printable(by)}${reason === undefined ? '' : ` (${printable(reason)})`}`;
  return `${style('bold', printable(what))}, ${whose} of ${printable(scope)}${concerned}: ${length(remainingMs)} left; ${met}; ${who}`;
}
