import { describe, expect, it } from 'vitest';
import type { Settings } from '../../src/config/settings.ts';
import { placesOf } from '../../src/setup/places.ts';

type Given = { management?: Partial<Settings['management']>; prometheus?: Partial<Settings['prometheus']> };

function places({ management, prometheus }: Given, hasMetrics = true) {
  const off = { metricsPort: undefined, allowedHosts: [], tokensFile: undefined, readiness: { failOn: 'never', failOnChecks: [] } } as const;
  return placesOf(
    {
      management: { enabled: true, host: '127.0.0.1', port: undefined, ...off, ...management },
      prometheus: { host: '127.0.0.1', port: undefined, ...prometheus },
    },
    hasMetrics,
  );
}

const local = (port?: number) => ({ host: '127.0.0.1', port });
const open = (port?: number) => ({ host: '0.0.0.0', port });

describe('management and metrics', () => {
  it.each<[string, Given, ReturnType<typeof places>]>([
    ['share one port, the usual or the next', {}, { management: local(), metrics: undefined }],
    ['share the port of either', { management: { port: 1 } }, { management: local(1), metrics: undefined }],
    ['share the port of the metrics', { prometheus: { port: 2 } }, { management: local(2), metrics: undefined }],
    ['are at two ports where two are given', { management: { port: 1 }, prometheus: { port: 2 } }, { management: local(1), metrics: local(2) }],
    ['are apart when asked to be', { management: { metricsPort: 3 } }, { management: local(), metrics: local(3) }],
    ['are apart where only the metrics are for others', { prometheus: { host: '0.0.0.0', port: 2 } }, { management: local(), metrics: open(2) }],
    ['share an address that others reach', { management: { host: '0.0.0.0' } }, { management: open(), metrics: undefined }],
    ['leave the metrics alone when management is off', { management: { enabled: false } }, { management: undefined, metrics: local() }],
  ])('%s', (_what, given, expected) => expect(places(given)).toEqual(expected));

  it('where the metrics go elsewhere, there is only management', () => {
    expect(places({ prometheus: { host: '0.0.0.0', port: 2 } }, false)).toEqual({ management: local(), metrics: undefined });
    expect(places({ management: { enabled: false } }, false)).toEqual({ management: undefined, metrics: undefined });
  });
});
