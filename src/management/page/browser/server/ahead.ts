import type {
  AlertView as KnownAlert,
  CheckView as KnownCheck,
  Feature as KnownFeature,
  Overview as KnownOverview,
  ReasonRequest,
} from '../../../wire.ts';

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
export type AlertView = KnownAlert & { readonly runbook?: string; readonly consequences?: readonly string[]; readonly breakers?: readonly string[] };
export type Overview = Omit<KnownOverview, 'features'> & {
  readonly features: readonly Feature[];
  readonly checks?: readonly CheckView[];
  readonly degraded?: DegradedView;
};
