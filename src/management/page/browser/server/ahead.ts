import type { CheckView as KnownCheck, Feature as KnownFeature, Overview as KnownOverview, ReasonRequest } from '../../../wire.ts';

export type Feature = KnownFeature | 'degrade';
export interface DegradedView {
  readonly mode: 'read-only' | 'empty' | 'bypass' | 'off';
  readonly by: 'hand' | 'health';
}
export interface DegradeRequest extends ReasonRequest {
  readonly mode: DegradedView['mode'] | 'configured';
}
export type CheckView = KnownCheck & {
  readonly kind?: string;
  readonly server?: string;
  readonly dependsOn?: readonly string[];
  readonly because?: string;
  readonly sinceMs?: number;
  readonly failures?: number;
};
export interface FaultView {
  readonly id: number;
  readonly kind: 'error' | 'latency' | 'hang';
  readonly share: number;
  readonly latencyMs?: number;
  readonly error?: { readonly code?: string; readonly message?: string };
  readonly scope: string;
  readonly breakers: readonly string[];
  readonly since: string;
  readonly until: string;
  readonly remainingMs: number;
  readonly by: string;
  readonly reason?: string;
  readonly calls: number;
  readonly waiting: number;
}
export type Overview = Omit<KnownOverview, 'features'> & {
  readonly features: readonly Feature[];
  readonly checks?: readonly CheckView[];
  readonly degraded?: DegradedView;
  readonly faults?: readonly FaultView[];
};
