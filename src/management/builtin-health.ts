import { dependenciesOf } from '../health/dependencies.ts';
import { type ReadinessRules, readinessOf } from '../health/readiness.ts';
import { judge } from '../health/system-state.ts';
import type { Registry } from '../registry/registry.ts';
import type { HealthSource } from './ports.ts';
import type { CheckView, ReadyView, SystemView } from './wire.ts';

/** The system's state as the breakers tell it, where nothing checks the dependencies themselves. */
export class BreakerHealth implements HealthSource {
  readonly #registry: Registry;
  readonly #readiness: () => ReadinessRules;

  /** @param readiness when there should be no requests; asked each time */
  constructor(registry: Registry, readiness: () => ReadinessRules = () => ({})) {
    this.#registry = registry;
    this.#readiness = readiness;
  }

  system(): SystemView {
    const { state, reasons, total, up } = judge(dependenciesOf([], this.#registry.list(), () => false));
    return { state, reasons, dependencies: { total, up } };
  }

  /** The process answers; what it depends on is no reason to restart it. */
  live(): boolean {
    return true;
  }

  /** @param pending checks that will begin soon */
  ready(pending: readonly { readonly name: string }[] = []): ReadyView {
    return readinessOf(
      this.#readiness(),
      this.system(),
      pending.map(({ name }) => ({ name, status: 'unknown' })),
    );
  }

  checks(): CheckView[] {
    return [];
  }
}
