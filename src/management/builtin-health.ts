import type { Breaker } from '../breaker/breaker.ts';
import type { Registry } from '../registry/registry.ts';
import type { HealthSource } from './ports.ts';
import type { CheckView, ReadyView, SystemState, SystemView } from './wire.ts';

/** Share of dependencies that work, from which on a state is the system's. */
const healthyFrom = 0.8;
const degradedFrom = 0.5;

const severities: readonly SystemState[] = ['healthy', 'degraded', 'critical', 'emergency'];

/** The system's state as the breakers tell it, where nothing checks the dependencies themselves. */
export class BreakerHealth implements HealthSource {
  readonly #registry: Registry;
  readonly #failOn: 'never' | SystemState;

  constructor(registry: Registry, failOn: 'never' | 'critical' | 'emergency' = 'never') {
    this.#registry = registry;
    this.#failOn = failOn;
  }

  system(): SystemView {
    const servers = new Map<string, Breaker[]>();
    for (const breaker of this.#registry.list()) {
      const key = breaker.target.server ?? breaker.name;
      servers.set(key, [...(servers.get(key) ?? []), breaker]);
    }
    const down = [...servers].flatMap(([server, breakers]) => {
      const refusing = breakers.filter(isDown);
      return refusing.length === 0 ? [] : [`${server}: ${refusing.map((breaker) => `${breaker.name} is ${circuitOf(breaker)}`).join(', ')}`];
    });
    const total = servers.size;
    const up = total - down.length;
    return { state: stateOf(up, total), reasons: down, dependencies: { total, up } };
  }

  /** The process answers; what it depends on is no reason to restart it. */
  live(): boolean {
    return true;
  }

  ready(): ReadyView {
    if (this.#failOn === 'never') return { status: 'ready', reasons: [] };
    const { state, reasons } = this.system();
    const failed = severities.indexOf(state) >= severities.indexOf(this.#failOn);
    return failed ? { status: 'not_ready', reasons: [`the system is ${state}`, ...reasons] } : { status: 'ready', reasons: [] };
  }

  checks(): CheckView[] {
    return [];
  }
}

function stateOf(up: number, total: number): SystemState {
  const share = total === 0 ? 1 : up / total;
  if (share >= healthyFrom) return 'healthy';
  if (share >= degradedFrom) return 'degraded';
  // Nobody has said which dependency is critical; with none left, nothing can be.
  return up === 0 && total > 1 ? 'emergency' : 'critical';
}

function circuitOf(breaker: Breaker): string {
  return breaker.snapshot().circuit ?? breaker.state;
}

function isDown(breaker: Breaker): boolean {
  return ['open', 'half_open', 'forced_open'].includes(circuitOf(breaker));
}
