export type {
  AdminEvent,
  AlertSource,
  Asset,
  Assets,
  FaultSource,
  HealthSource,
  HistorySource,
  ManagementOptions,
  ModeControl,
  ReloadOutcome,
  Token,
} from './ports.ts';
export { createManagementServer, type ManagementServer } from './server.ts';
export { parseTokens } from './tokens.ts';
export type * from './wire.ts';
