import type { Mode } from '../core/options.ts';
import type {
  AdminAnswer,
  AlertView,
  BreakerAction,
  CheckView,
  FaultRequest,
  FaultView,
  MatchRequest,
  ReadyView,
  SampleView,
  SystemState,
  SystemView,
  TransitionView,
} from './wire.ts';

/** How well the system is. Without one, it is told from the breakers. */
export interface HealthSource {
  system(): SystemView;
  /** An open circuit never makes it false. */
  live(): boolean;
  ready(): ReadyView;
  checks(): readonly CheckView[];
}

export interface AlertSource {
  /** Firing, and those resolved of late. */
  alerts(): readonly AlertView[];
  on(name: 'alert', listener: (alert: AlertView) => void): Disposable;
}

/** What has been; bounded by whoever keeps it. Oldest first. */
export interface HistorySource {
  transitions(breaker?: string): readonly TransitionView[];
  samples(breaker: string): readonly SampleView[];
}

/** Injects faults on purpose. */
export interface FaultSource {
  /** Why nothing can be injected in this process, `undefined` where it can. */
  readonly refused: string | undefined;
  /** @throws Error with what is wrong, or why it is not allowed here */
  inject(request: FaultRequest, actor: string): void;
  /** Those under way. */
  list(): readonly FaultView[];
}

/** Sets the mode over what the configuration says. */
export interface ModeControl {
  /** `undefined`: as the configuration says, again. Holds for breakers to come as well. */
  set(mode: Mode | undefined, match: MatchRequest | undefined): void;
}

/** What came of reading the configuration again. */
export interface ReloadOutcome {
  readonly applied: boolean;
  readonly changes: readonly string[];
  readonly atNextStart: readonly string[];
  readonly error?: Error;
}

/** A file of the page. */
export interface Asset {
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Its name changes with its content. */
  readonly immutable?: boolean;
}

/** The page: `/` and what it loads, by path. */
export type Assets = ReadonlyMap<string, Asset>;

/** Who may do what. */
export interface Token {
  /** Told in the audit log. */
  readonly name: string;
  readonly secret: string;
  /** `read`: sees all and controls nothing. Default `admin`. */
  readonly role?: 'admin' | 'read';
}

/** An admin request that was allowed: what it was, by whom, and what came of it. For the audit log. */
export interface AdminEvent extends AdminAnswer {
  readonly action: `${BreakerAction}` | 'force-recovery' | 'mode' | 'degrade' | 'config-reload' | 'faults';
  /** Further facts, one text each. */
  readonly details: readonly string[];
  /** Why nothing came of it. */
  readonly error?: string;
}

export interface ManagementOptions {
  /** Default 127.0.0.1. Anything but a loopback address needs a token. */
  readonly host?: string;
  /** Default: the first that is free, from 9464 on; 0: any free one. A port that is given is this one or none. */
  readonly port?: number;
  /** Where the search for a free port begins. Default 9464. */
  readonly firstPort?: number;
  /** Names under which it is reached, beside those of loopback and its own address: guards against DNS rebinding. */
  readonly allowedHosts?: readonly string[];
  /** Without one nobody controls anything. */
  readonly tokens?: readonly Token[];
  /** At which state of the system `/health/ready` says 503. Default `never`. Not with a `health` of one's own. */
  readonly readiness?: { readonly failOn?: 'never' | Extract<SystemState, 'critical' | 'emergency'> };
  /** Default: the program's name. */
  readonly service?: string;
  /** The mode that holds where no rule says otherwise. Default `enforce`. */
  readonly mode?: () => Mode;
  /** Metrics in Prometheus' text format, for `/metrics`. */
  readonly metrics?: () => Promise<string>;
  readonly reload?: () => Promise<ReloadOutcome>;
  readonly modes?: ModeControl;
  readonly health?: HealthSource;
  readonly alerts?: AlertSource;
  readonly history?: HistorySource;
  /** Default: they can be injected with an admin token, outside of production. */
  readonly faults?: FaultSource;
  /** Loaded when somebody asks for it. */
  readonly page?: () => Promise<Assets>;
  /** The audit log. */
  readonly onAdmin?: (event: AdminEvent) => void;
  /** Tells where it serves, and what it had to refuse. */
  readonly log?: (level: 'info' | 'warn' | 'error', message: string) => void;
}
