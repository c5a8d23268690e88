import type { Client } from '../client.ts';
import type { Command, Invocation } from '../command.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { pick } from '../pick.ts';
import { statusLines } from '../status-lines.ts';

/** Between two looks. */
const everyMs = 1_000;

export const status: Command = {
  name: 'status',
  usage: '[name or glob]',
  summary: 'Show every circuit: a live table in a terminal, else once',
  details: [
    'The worst first. RATIO is failures of the calls in the window against the limit at which the circuit opens. Ctrl-C ends it.',
    'The exit code says whether the process could be asked, not how its circuits are.',
  ],
  takes: [0, 1],
  remote: true,
  flags: { once: { type: 'boolean', help: 'once, also in a terminal' } },
  async run(invocation) {
    const { io, json, has, client } = invocation;
    const server = client();
    if (io.terminal && !json && !has('once')) {
      await live(invocation, server);
    } else {
      const overview = await look(invocation, server);
      io.out(json ? `${JSON.stringify(overview)}\n` : `${statusLines(overview, invocation.style).join('\n')}\n`);
    }
    return exitCodes.ok;
  },
};

async function look({ positionals: [glob] }: Invocation, server: Client) {
  const overview = await server.overview();
  return glob === undefined ? overview : { ...overview, breakers: pick(overview, glob) };
}

/** Draws over what was drawn, on a screen of its own: what was in the terminal before is there again afterwards. */
async function live(invocation: Invocation, server: Client): Promise<void> {
  const { io, style } = invocation;
  // What is wrong from the start is an error and no picture.
  let overview = await look(invocation, server);
  let trouble = '';
  // No cursor, and no wrapped lines: those would push others out.
  io.out('\u001B[?1049h\u001B[?25l\u001B[?7l');
  try {
    while (!io.ended.aborted) {
      const { columns, rows } = io.size();
      const lines = statusLines(overview, style, columns);
      const foot = trouble === '' ? [] : [style('bad', trouble.slice(0, columns))];
      const room = Math.max(1, rows - 1 - foot.length);
      const shown = lines.length > room ? [...lines.slice(0, room - 1), style('dim', `... ${lines.length - room + 1} more lines`)] : lines;
      io.out(`\u001B[H${[...shown, ...foot].map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`);
      await io.wait(everyMs);
      if (io.ended.aborted) break;
      try {
        overview = await look(invocation, server);
        trouble = '';
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        // A service that is started again is there again.
        trouble = `old, since ${error.message}`;
      }
    }
  } finally {
    io.out('\u001B[?7h\u001B[?25h\u001B[?1049l');
  }
}
