import type { AdminAnswer, BreakerAction, BreakerView } from '../../management/wire.ts';
import { tellChanges } from '../admin-answer.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { pick } from '../pick.ts';

const described: readonly (readonly [name: string, action: BreakerAction, summary: string, details: readonly string[]])[] = [
  ['open', 'force-open', 'Refuse every call, until closed, reset or released', []],
  [
    'close',
    'force-closed',
    'Let every call through, whatever happens, until released',
    ['It protects nothing meanwhile; `reset` closes a circuit and goes on watching.'],
  ],
  ['reset', 'reset', 'Close the circuit, forget what it has seen, and go on by itself', []],
  ['shadow', 'shadow', 'Let every call through and go on judging, until released', []],
  ['release', 'release', 'Let the breaker decide again, after open, close or shadow', []],
];

function move([name, action, summary, details]: (typeof described)[number]): Command {
  return {
    name,
    usage: '<name or glob>',
    summary,
    details: [...details, "The name as status shows it, in quotes; * stands for any text: 'redis://* write'. Needs an admin token."],
    takes: [1, 1],
    remote: true,
    flags: { reason: { type: 'string', value: '<text>', help: 'for the audit log: why' } },
    async run({ positionals: [glob = ''], option, client, io, style, json }) {
      const server = client();
      const reason = option('reason');
      const breakers = pick(await server.overview(), glob);
      const answers: AdminAnswer[] = [];
      try {
        for (const breaker of breakers) answers.push(await server.act(breaker.name, action, reason === undefined ? {} : { reason }));
      } finally {
        // What was done is told, also when the next was refused.
        if (!json || answers.length === breakers.length)
          tellChanges(io, style, json, breakers.map((breaker) => breaker.name).slice(0, answers.length), answers, (each) =>
            unchanged(
              action,
              breakers.find((breaker) => breaker.name === each),
            ),
          );
      }
      return exitCodes.ok;
    },
  };
}

/** To give back what nobody holds changes nothing; nor does it where the circuit goes on in the state in which it was held. */
function unchanged(action: BreakerAction, view: BreakerView | undefined): string {
  if (action !== 'release') return 'was so already';
  return view?.heldReason === undefined ? 'was not held' : 'released, and goes on as it is';
}

/** What a person does to breakers by hand. */
export const moves: readonly Command[] = described.map(move);
