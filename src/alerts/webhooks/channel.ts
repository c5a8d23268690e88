import type { Clock, Timer } from '../../core/clock.ts';
import { type Alert, type AlertEvent, compareSeverity } from '../alert.ts';
import type { Endpoint } from './endpoint.ts';
import type { Answer, Posting } from './post.ts';

/** What waits at once; the oldest makes room. */
const maxWaiting = 100;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** However long the other side asks for. */
const longestRetryAfterMs = 900_000;
/** Nobody needs to know of an end that is older. */
const resolvedKeptMs = 3_600_000;
/** PagerDuty is told again of what lasts: another process of the service may have told it that it is over. */
const remindAfterMs = 600_000;

/** Told in answer to what was sent wrongly: to send it again changes nothing. */
function isFinal(status: number): boolean {
  return status < 500 && status !== 408 && status !== 425 && status !== 429;
}

/** Errors with which nothing has reached the other side. */
const unsent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

interface Entry {
  readonly alert: Alert;
  readonly at: number;
}

export interface ChannelPorts {
  readonly clock: Clock;
  send(alert: Alert, endpoint: Endpoint): Posting;
  /** For the log. */
  tell(level: 'info' | 'warn', message: string): void;
}

/**
 * Sends alerts to one place, one at a time and in their order, again and again until they are taken. Nobody waits for it. What is
 * over before it could be delivered is not delivered at all.
 */
export class Channel {
  readonly #endpoint: Endpoint;
  readonly #ports: ChannelPorts;
  readonly #queue: Entry[] = [];
  /** Alerts that the other side knows of, or may, by when it was told last. */
  readonly #told = new Map<string, number>();
  #sending: { readonly entry: Entry; readonly posting: Posting } | undefined;
  #pause: Timer | undefined;
  #attempts = 0;
  #dropped = 0;
  #saidDropped = false;
  /** What was said last of what goes wrong. */
  #trouble: string | undefined;
  #closed = false;
  #hurry = false;
  #idle: (() => void) | undefined;

  constructor(endpoint: Endpoint, ports: ChannelPorts) {
    this.#endpoint = endpoint;
    this.#ports = ports;
  }

  /** How many were given up for want of room or time. */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  offer({ alert }: Pick<AlertEvent, 'alert'>): void {
    if (this.#closed) return;
    if (alert.state === 'firing') this.#fire(alert);
    else this.#resolve(alert);
    this.#pump();
  }

  /** @param firing what fires now */
  remind(firing: readonly Alert[]): void {
    if (this.#endpoint.type !== 'pagerduty') return;
    const now = this.#ports.clock.now();
    for (const alert of firing) {
      const told = this.#told.get(alert.id);
      if (told !== undefined && now - told >= remindAfterMs) this.offer({ alert });
    }
  }

  /** Sends what waits, each once more, and waits for it for a moment. */
  async flush(ms: number): Promise<void> {
    if (this.#queue.length === 0 || this.#closed) return;
    this.#hurry = true;
    this.#sending?.posting.hold();
    const done = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    const timer = this.#ports.clock.setTimer(() => this.#idle?.(), ms, true);
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#pump();
    await done;
    timer.cancel();
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#pause?.cancel();
    // It would hold a process that is to end for as long as the other side keeps silent.
    this.#sending?.posting.abandon();
    this.#queue.length = 0;
    this.#idle?.();
  }

  #fire(alert: Alert): void {
    if (compareSeverity(alert.severity, this.#endpoint.minSeverity) < 0) return;
    const waiting = this.#queue.findIndex((entry) => entry.alert.id === alert.id && entry !== this.#sending?.entry && entry.alert.state === 'firing');
    if (waiting >= 0) this.#queue[waiting] = { alert, at: this.#ports.clock.now() };
    else this.#push(alert);
  }

  #resolve(alert: Alert): void {
    const { id } = alert;
    const waiting = this.#queue.findIndex((entry) => entry.alert.id === id && entry !== this.#sending?.entry && entry.alert.state === 'firing');
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    if (this.#told.has(id) || this.#sending?.entry.alert.id === id) this.#push(alert);
  }

  #push(alert: Alert): void {
    this.#queue.push({ alert, at: this.#ports.clock.now() });
    if (this.#queue.length <= maxWaiting) return;
    const [oldest] = this.#queue.splice(this.#queue[0] === this.#sending?.entry ? 1 : 0, 1);
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop({ alert }: Entry): void {
    if (alert.state === 'resolved') this.#told.delete(alert.id);
    this.#dropped += 1;
    if (!this.#saidDropped) this.#ports.tell('warn', `${this.#endpoint.label}: alerts are dropped: too many wait, or for too long`);
    this.#saidDropped = true;
  }

  #pump(): void {
    if (this.#sending !== undefined || this.#pause !== undefined || this.#closed) return;
    const entry = this.#queue[0];
    if (entry === undefined) {
      this.#idle?.();
      return;
    }
    const posting = this.#ports.send(entry.alert, this.#endpoint);
    this.#sending = { entry, posting };
    if (this.#hurry) posting.hold();
    posting.answer.then(
      (answer) => this.#answered(entry, answer),
      (error: unknown) => this.#failed(entry, codeOf(error)),
    );
  }

  #answered(entry: Entry, { status, retryAfterMs }: Answer): void {
    if (this.#closed) return;
    if (status >= 200 && status < 300) {
      this.#remember(entry);
      this.#done(entry);
      if (this.#trouble !== undefined) this.#ports.tell('info', `${this.#endpoint.label}: alerts are delivered again`);
      this.#trouble = undefined;
      this.#saidDropped = false;
    } else if (isFinal(status)) {
      const hint = status >= 300 && status < 400 ? ' (redirects are not followed)' : '';
      this.#complain(`refused with status ${status}${hint}; not tried again`);
      if (entry.alert.state === 'resolved') this.#told.delete(entry.alert.id);
      this.#done(entry);
    } else {
      this.#again(entry, `status ${status}`, retryAfterMs);
    }
  }

  #failed(entry: Entry, code: string): void {
    if (this.#closed) return;
    // Whether it has come through nobody knows: its end is told in any case.
    if (!unsent.has(code) && entry.alert.state === 'firing') this.#remember(entry);
    this.#again(entry, code, 0);
  }

  #remember({ alert }: Entry): void {
    if (alert.state === 'firing') this.#told.set(alert.id, this.#ports.clock.now());
    else this.#told.delete(alert.id);
  }

  #done(entry: Entry): void {
    this.#sending = undefined;
    this.#attempts = 0;
    this.#remove(entry);
    this.#pump();
  }

  #remove(entry: Entry): void {
    const index = this.#queue.indexOf(entry);
    if (index >= 0) this.#queue.splice(index, 1);
  }

  #again(entry: Entry, why: string, retryAfterMs: number): void {
    this.#sending = undefined;
    this.#complain(`${why}; tried again until it is taken`);
    if (this.#isOutOfDate(entry)) this.#remove(entry);
    if (this.#hurry) {
      this.#remove(entry);
      this.#pump();
      return;
    }
    this.#attempts += 1;
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#attempts - 1));
    this.#pauseFor(Math.max(pause * (0.5 + this.#ports.clock.random() / 2), Math.min(retryAfterMs, longestRetryAfterMs)));
  }

  /** What has become worse or is over since then is told instead of it; of what the other side never heard of, nothing at all. */
  #isOutOfDate(entry: Entry): boolean {
    const { id, state } = entry.alert;
    const now = this.#ports.clock.now();
    if (state === 'resolved') {
      if (now - entry.at < resolvedKeptMs) return false;
      this.#drop(entry);
      return true;
    }
    const later = this.#queue.find((other) => other !== entry && other.alert.id === id);
    if (later?.alert.state === 'resolved' && !this.#told.has(id)) this.#remove(later);
    return later !== undefined;
  }

  #pauseFor(ms: number): void {
    if (this.#closed) return;
    this.#pause = this.#ports.clock.setTimer(() => {
      this.#pause = undefined;
      this.#pump();
    }, ms);
  }

  /** Once for each kind of trouble, until it is over. */
  #complain(what: string): void {
    if (this.#trouble !== what) this.#ports.tell('warn', `${this.#endpoint.label}: an alert is not delivered: ${what}`);
    this.#trouble = what;
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'failed';
}
