import { configJsonSchema } from '../../config/json-schema.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

export const schema: Command = {
  name: 'schema',
  summary: "Print the JSON Schema of configuration files, for an editor's completion and checks",
  run({ io }) {
    io.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return exitCodes.ok;
  },
};
