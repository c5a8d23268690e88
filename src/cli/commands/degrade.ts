import type { DegradeRequest } from '../../management/wire.ts';
import { tellChanges } from '../admin-answer.ts';
import type { Command } from '../command.ts';
import { exitCodes, usageError } from '../exit-codes.ts';

const modes = ['read-only', 'empty', 'bypass', 'off', 'configured'] as const satisfies readonly DegradeRequest['mode'][];

export const degrade: Command = {
  name: 'degrade',
  usage: `<${modes.join('|')}>`,
  summary: 'Serve the calls of all breakers in another way for the time being',
  details: [
    'read-only refuses writes; empty answers reads with nothing, without asking, and refuses writes; bypass leaves out all policies',
    'but the breaker; off: as ever. It stands above what the health of the system switches, until `degrade configured`. Needs an admin token.',
  ],
  takes: [1, 1],
  remote: true,
  flags: { reason: { type: 'string', value: '<text>', help: 'for the audit log: why' } },
  async run({ positionals: [given = ''], option, client, io, style, json }) {
    const mode = modes.find((each) => each === given);
    if (mode === undefined) throw usageError(`the way to serve calls is '${given}'; allowed: ${modes.join(', ')}`);
    const reason = option('reason');
    const answer = await client().degrade({ mode, ...(reason !== undefined && { reason }) });
    tellChanges(io, style, json, [], [answer]);
    if (!json && answer.changes.length === 0) io.out('no breaker is served otherwise than before; it holds for those to come\n');
    return exitCodes.ok;
  },
};
