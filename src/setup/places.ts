import type { Settings } from '../config/settings.ts';

export interface Place {
  readonly host: string;
  /** `undefined`: the usual one or the next that is free. */
  readonly port: number | undefined;
}

/** Where what is served. */
export interface Places {
  readonly management: Place | undefined;
  /** Of the metrics alone; `undefined`: there are none, or the management server has them. */
  readonly metrics: Place | undefined;
}

/**
 * One port for both, unless somebody wants them apart: by `management.metricsPort`, by two different ports, or by metrics that
 * others can reach (as `OTEL_EXPORTER_PROMETHEUS_HOST=0.0.0.0` has always meant), which control must not follow.
 */
export function placesOf({ management, prometheus }: Pick<Settings, 'management' | 'prometheus'>, hasMetrics: boolean): Places {
  const alone: Place = { host: prometheus.host, port: management.metricsPort ?? prometheus.port };
  if (!management.enabled) return { management: undefined, metrics: hasMetrics ? alone : undefined };
  const { host, port } = management;
  if (!hasMetrics) return { management: { host, port }, metrics: undefined };
  const samePort = port === undefined || prometheus.port === undefined || port === prometheus.port;
  const hidden = prometheus.host === host || prometheus.host === '127.0.0.1';
  if (management.metricsPort !== undefined || !samePort || !hidden) return { management: { host, port }, metrics: alone };
  return { management: { host, port: port ?? prometheus.port }, metrics: undefined };
}
