export type { CheckFunction, CheckInput, CheckTiming, DegradeInput, HealthInput } from '../config/health.ts';
export type { CheckStatus, HealthState } from '../registry/health-board.ts';
export { createHealthMonitor } from './create-health-monitor.ts';
export type { HealthMonitor, MonitorParts } from './monitor.ts';
export type { Readiness, ReadinessRules } from './readiness.ts';
export type { CheckHealth, SystemHealth } from './views.ts';
