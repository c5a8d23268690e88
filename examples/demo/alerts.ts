import type { AlertSeen, PrometheusHandle } from '../../test/support/servers/prometheus.ts';

/** One alert's way in Prometheus, in seconds since the watch began. */
export interface AlertStory {
  readonly alert: string;
  readonly severity: string;
  /** The circuit, or what else it is about. */
  readonly about: string;
  readonly firedAt: number;
  /** undefined: it still fires. */
  resolvedAt: number | undefined;
}

export interface AlertWatch {
  readonly stories: readonly AlertStory[];
  /** Alerts that fire at present. */
  readonly firing: readonly AlertStory[];
  /** By name: conditions that were met, but not for as long as the rule asks for. */
  readonly pendingOnly: readonly string[];
  stop(): void;
}

/** Follows a Prometheus' alerts, once a second. */
export function watchAlerts(prometheus: PrometheusHandle): AlertWatch {
  const startedAt = performance.now();
  const stories: AlertStory[] = [];
  const firing = new Map<string, AlertStory>();
  const pending = new Set<string>();
  const follow = (seen: readonly AlertSeen[]): void => {
    const at = Math.round((performance.now() - startedAt) / 1_000);
    const now = new Set<string>();
    for (const { labels, state } of seen) {
      const key = JSON.stringify(labels);
      if (state === 'pending') pending.add(labels['alertname'] ?? '?');
      if (state !== 'firing') continue;
      now.add(key);
      if (firing.has(key)) continue;
      const about = labels['breaker_name'] ?? labels['breaker_pool_name'] ?? labels['instance'] ?? '';
      const story = { alert: labels['alertname'] ?? '?', severity: labels['severity'] ?? '?', about, firedAt: at, resolvedAt: undefined };
      firing.set(key, story);
      stories.push(story);
    }
    for (const [key, story] of firing) {
      if (now.has(key)) continue;
      story.resolvedAt = at;
      firing.delete(key);
    }
  };
  // A Prometheus that is late says the same a second later.
  const timer = setInterval(() => void prometheus.alerts().then(follow, () => {}), 1_000);
  return {
    stories,
    get firing() {
      return [...firing.values()];
    },
    get pendingOnly() {
      const fired = new Set(stories.map(({ alert }) => alert));
      return [...pending].filter((alert) => !fired.has(alert)).sort();
    },
    stop: () => clearInterval(timer),
  };
}

export function alertSummary({ stories, pendingOnly }: AlertWatch): string {
  const lines = ['As Prometheus has it, by the rules that ship (seconds since the start):'];
  for (const { alert, severity, about, firedAt, resolvedAt } of stories)
    lines.push(
      `  ${severity.padEnd(8)} ${alert.padEnd(26)} ${about}: fired at ${firedAt} s, ${resolvedAt === undefined ? 'still fires' : `resolved at ${resolvedAt} s`}`,
    );
  if (stories.length === 0) lines.push('  no alert fired');
  if (pendingOnly.length > 0) lines.push(`  pending, but not for as long as the rule asks: ${pendingOnly.join(', ')}`);
  return lines.join('\n');
}
