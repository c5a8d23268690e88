import { setImmediate as turn } from 'node:timers/promises';
import { type CheckInput, type HealthInput, resolveHealth } from '../../src/config/health.ts';
import { HealthMonitor, type MonitorParts } from '../../src/health/monitor.ts';
import type { CheckEvent, HealthEvent } from '../../src/registry/health-board.ts';
import { Registry } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';

/** A dependency of a test's own: answers as it is told, or never. */
export class Fake {
  asked = 0;
  readonly signals: AbortSignal[] = [];
  state: 'well' | 'failing' | 'hanging' = 'well';
  heedsSignal = true;
  #release: (() => void)[] = [];

  readonly check = (signal: AbortSignal): Promise<void> => {
    this.asked += 1;
    this.signals.push(signal);
    if (this.state === 'well') return Promise.resolve();
    if (this.state === 'failing') return Promise.reject(new Error('refused'));
    return new Promise((resolve, reject) => {
      this.#release.push(resolve);
      if (this.heedsSignal) signal.addEventListener('abort', () => reject(signal.reason));
    });
  };

  /** Answers all that hang. */
  release(): void {
    for (const each of this.#release.splice(0)) each();
  }
}

/** A monitor on a clock of the test's own, with no jitter; the first checks come after half a second. */
export class HealthRig {
  readonly clock = new ManualClock();
  readonly registry: Registry;
  readonly monitor: HealthMonitor;
  readonly changes: HealthEvent[] = [];
  readonly checked: CheckEvent[] = [];

  constructor(options: HealthInput, parts: MonitorParts = {}) {
    this.registry = new Registry({
      clock: this.clock,
      resolve: () => ({ options: { consecutiveFailures: 1, open: { durationMs: 1_000, jitter: 0 } } }),
    });
    this.registry.health.on('changed', (event) => void this.changes.push(event));
    this.registry.health.on('checked', (event) => void this.checked.push(event));
    this.monitor = new HealthMonitor(this.registry, settings(options), parts);
  }

  /** Time passes, second by second, and what is promised happens. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await turn();
    }
  }

  state(name: string) {
    return this.monitor.checks().find((check) => check.name === name);
  }

  get statuses(): Record<string, string> {
    return Object.fromEntries(this.monitor.checks().map(({ name, status }) => [name, status]));
  }
}

export function settings(options: HealthInput) {
  const resolved = resolveHealth([options]);
  if (resolved === undefined) throw new Error('no settings');
  return resolved;
}

/** A check of a fake's. */
export function of(fake: Fake, name: string, more: Partial<CheckInput> = {}): CheckInput {
  return { name, check: fake.check, ...more };
}
