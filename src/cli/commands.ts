import type { Command } from './command.ts';
import { configCheck } from './commands/config-check.ts';
import { dashboard } from './commands/dashboard.ts';
import { degrade } from './commands/degrade.ts';
import { fault } from './commands/fault.ts';
import { mode } from './commands/mode.ts';
import { moves } from './commands/moves.ts';
import { rules } from './commands/rules.ts';
import { schema } from './commands/schema.ts';
import { status } from './commands/status.ts';

/** In the order of the help. */
export const commands: readonly Command[] = [status, ...moves, mode, degrade, fault, configCheck, schema, dashboard, rules];
