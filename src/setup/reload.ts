import { changedAtStartOnly, changesBetween } from '../config/changes.ts';
import { type Configuration, loadConfiguration } from '../config/configuration.ts';
import type { Environment } from '../config/environment.ts';
import { overruled } from '../config/overruled.ts';
import type { ConfigurationInput } from '../config/schema.ts';
import type { Registry } from '../registry/registry.ts';

/** What came of reading the configuration again. */
export interface ReloadResult {
  /** Whether the configuration is in force now. If not, nothing at all has changed. */
  readonly applied: boolean;
  /** What it says otherwise than the one before, as `breakers[0].mode: shadow -> enforce`. */
  readonly changes: readonly string[];
  /**
   * Settings among them that do not change before the next start: those read at the start only (`enabled`, `telemetry.sdk`, ports
   * and the like), and those of the file above which the environment or the program says something else.
   */
  readonly atNextStart: readonly string[];
  /** Why it is not in force: every fault, with its line. */
  readonly error?: Error;
}

/** Where a process has its configuration from. */
export interface Origin {
  /** As it was at the start: what a program puts into its environment later is not meant for us. */
  readonly env: Environment;
  readonly cwd: string;
  readonly code?: ConfigurationInput | undefined;
}

export function originOf(code?: ConfigurationInput): Origin {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('OTEL_')));
  return { env, cwd: process.cwd(), code };
}

/** The configuration in force, and its replacement in one step or not at all. */
export class LiveConfiguration {
  readonly #origin: Origin;
  #current: Configuration;

  constructor(origin: Origin, current: Configuration) {
    this.#origin = origin;
    this.#current = current;
  }

  get current(): Configuration {
    return this.#current;
  }

  /** Reads everything again. Breakers keep their listeners, states and counts. Never throws. */
  reload(registry: Registry): ReloadResult {
    const before = this.#current;
    try {
      const next = loadConfiguration(this.#origin);
      refuseLoss(before, next);
      const changes = changesBetween(before.statements, next.statements);
      const idle = overruled(before.statements, next.statements);
      // Does not fail: of what does not go together with what code has set for a breaker, as much is used as does.
      registry.configure((...breaker) => next.resolve(...breaker));
      this.#current = next;
      return { applied: true, changes, atNextStart: [...changedAtStartOnly(before.settings, next.settings), ...idle] };
    } catch (error) {
      return { applied: false, changes: [], atNextStart: [], error: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}

/**
 * A file that is gone or empty is one that is just being replaced, or a mistake. Nobody means by it that a service which was
 * to watch only (`mode: shadow`) shall refuse calls from now on.
 */
function refuseLoss(before: Configuration, next: Configuration): void {
  if (before.file === undefined) return;
  if (next.file === undefined) throw new Error(`${before.file} is gone. For the defaults, leave it there with nothing in it but version: 1`);
  if (next.fileEmpty) throw new Error(`${next.file} is empty. For the defaults, write version: 1`);
}
