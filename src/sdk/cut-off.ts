/** The HTTP transport of an OTLP exporter: private there, and therefore checked before it is touched. */
interface Transport {
  send(data: unknown, timeoutMs: number): Promise<unknown>;
  readonly _parameters: object;
  readonly _utils: { readonly agent?: { destroy?(): void } } | null;
}

/** What a transport answers for an export that is given up, and not tried again. */
const givenUp = () => ({ status: 'failure', error: new Error('otel-breaker: the process ends, and the receiver has not answered') });

/**
 * Can end the exports under way. An exporter waits ten seconds for its receiver; a program that ends by itself, in its own
 * handler of SIGTERM, would be held for as long by a receiver that hangs. Exporters of other kinds are left as they are.
 */
export class CutOff {
  readonly #transports: readonly Transport[];
  readonly #underWay = new Set<(answer: unknown) => void>();
  #over = false;

  /** @param sdk the NodeSDK, started */
  constructor(sdk: object) {
    this.#transports = transportsIn(sdk);
    for (const transport of this.#transports) this.#watch(transport);
  }

  /** Ends every export under way, and each to come at once. */
  cut(): void {
    this.#over = true;
    for (const answer of this.#underWay) answer(givenUp());
    for (const { _utils } of this.#transports) _utils?.agent?.destroy?.();
  }

  #watch(transport: Transport): void {
    const send = transport.send;
    transport.send = (data, timeoutMs) => {
      if (this.#over) return Promise.resolve(givenUp());
      return new Promise((resolve, reject) => {
        this.#underWay.add(resolve);
        const done = () => this.#underWay.delete(resolve);
        Reflect.apply(send, transport, [data, timeoutMs]).then(resolve, reject).finally(done);
      });
    };
  }
}

const maxDepth = 10;
const maxObjects = 5_000;

/** Somewhere behind the processors and readers of the SDK's providers; where exactly differs from version to version. */
function transportsIn(sdk: object): Transport[] {
  const { _tracerProvider, _loggerProvider, _meterProvider } = sdk as Readonly<Record<string, unknown>>;
  const found: Transport[] = [];
  const seen = new Set<unknown>();
  let level: unknown[] = [_tracerProvider, _loggerProvider, _meterProvider];
  for (let depth = 0; depth < maxDepth && level.length > 0 && seen.size < maxObjects; depth += 1) {
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null || seen.has(value)) continue;
      seen.add(value);
      if (isTransport(value)) found.push(value);
      else next.push(...(value instanceof Map || value instanceof Set ? value.values() : Object.values(value)));
    }
    level = next;
  }
  return found;
}

function isTransport(value: object): value is Transport {
  const { send, _parameters } = value as Partial<Transport>;
  return typeof send === 'function' && typeof _parameters === 'object' && '_utils' in value;
}

/** How long an ending process waits for its last export, in ms: what the standard variables say, else two seconds. */
export function patienceMs(env: Readonly<Record<string, string | undefined>>): number {
  const given = [env.OTEL_BSP_EXPORT_TIMEOUT, env.OTEL_BLRP_EXPORT_TIMEOUT, env.OTEL_EXPORTER_OTLP_TIMEOUT].map(Number).filter((ms) => ms > 0);
  return Math.min(...(given.length === 0 ? [2_000] : given));
}
