import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SdkMode } from '../config/schema.ts';
import { registered } from '../telemetry/slots.ts';

/** Whether we set up an SDK, and why: said in `diag`, because a guess must be checkable. */
export interface SdkDecision {
  readonly start: boolean;
  readonly because: string;
  /** The process is expected to register one of its own later. */
  readonly expected: boolean;
}

export interface ProcessFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** The program's main file, if it has one. */
  readonly main: string | undefined;
  readonly cwd: string;
}

/** Packages whose presence says that the program brings an SDK, or an agent with one of its own. */
const sdkPackage =
  /^(@opentelemetry\/(sdk-|auto-(instrumentations|configuration)|auto-instrumentations)|@.+\/.*opentelemetry|.*opentelemetry.*distro|dd-trace$|newrelic$|elastic-apm-node$|@elastic\/opentelemetry|@sentry\/node|applicationinsights$|@splunk\/otel|@vercel\/otel|@google-cloud\/.*trace|@logfire)/;
/** The API alone, conventions and exporters register nothing. */
const passive = /^@opentelemetry\/(api|api-logs|semantic-conventions|core|resources|exporter-.+|propagator-.+|instrumentation.*|contrib-.+)$/;
/** Programs that only start others: NODE_OPTIONS reaches them first, and the port of the metrics is the service's. */
const launcher = /(^|[/\\])(npm-cli|npx-cli|npm|npx|yarn|yarnpkg|pnpm|pnpx|corepack|nodemon)(\.[cm]?js)?$|[/\\]tsx[/\\]dist[/\\]cli\.[cm]?js$/;
const mentionsSdk =
  /@opentelemetry\/(sdk-|auto-instrumentations)|NodeSDK|setGlobalTracerProvider|dd-trace|newrelic|elastic-apm-node|applicationinsights|@sentry\/node/;

/** Whether a program only starts others. */
export function isLauncher(main: string | undefined): boolean {
  return main !== undefined && launcher.test(main);
}

/** Whether an SDK has registered itself with the OpenTelemetry API. */
export function isSdkRegistered(): boolean {
  const { trace, metrics } = registered() ?? {};
  // What is registered for traces is the API's own proxy, also after its SDK was taken out again.
  const delegate = (trace as { getDelegate?(): object } | undefined)?.getDelegate?.() ?? trace;
  return isReal(delegate) || isReal(metrics);
}

function isReal(provider: object | undefined): boolean {
  return provider !== undefined && !/^Noop|^Proxy/.test(provider.constructor.name);
}

/**
 * Decides whether the process needs an SDK from us. There is no way to know what a program will do, so `auto` guesses
 * from what is registered, from the other preloads and from the program's dependencies; `on` and `off` overrule it.
 */
export function decideSdk(mode: SdkMode, facts: ProcessFacts): SdkDecision {
  const no = (because: string, expected = false): SdkDecision => ({ start: false, because, expected });
  if (facts.env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return no('OTEL_SDK_DISABLED is true');
  if (mode === 'off') return no('OTEL_BREAKER_SDK is off');
  if (isLauncher(facts.main)) return no('the process only starts another');
  if (isSdkRegistered()) return no('an SDK is registered already', true);
  if (mode === 'on') return { start: true, because: 'OTEL_BREAKER_SDK is on', expected: false };
  const preload = preloads(facts).find((name) => bringsSdk(name, facts.cwd));
  if (preload !== undefined) return no(`the preload ${preload} brings one`, true);
  const dependency = facts.main === undefined ? undefined : sdkDependency(facts.main);
  if (dependency !== undefined) return no(`the program depends on ${dependency}`, true);
  return { start: true, because: 'the process has none', expected: false };
}

/** What `--import` and `--require` name, on the command line and in NODE_OPTIONS. */
function preloads({ env, execArgv }: ProcessFacts): string[] {
  const words = [...(env.NODE_OPTIONS?.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, '')), ...execArgv];
  return words.flatMap((word, index) => {
    const [flag, inline] = word.split(/=(.*)/s);
    if (!['--import', '--require', '-r'].includes(flag ?? '')) return [];
    const name = inline ?? words[index + 1];
    return name === undefined ? [] : [name];
  });
}

function bringsSdk(preload: string, cwd: string): boolean {
  if (/^otel-breaker(\/|$)/.test(preload)) return false;
  if (sdkPackage.test(preload) && !passive.test(preload)) return true;
  const file = preloadedFile(preload, cwd);
  const text = file === undefined ? undefined : readText(file);
  return text !== undefined && mentionsSdk.test(text);
}

/** A preload of the user's own, as `./instrumentation.mjs`; packages go by their names. */
function preloadedFile(preload: string, cwd: string): string | undefined {
  if (preload.startsWith('file:')) return fileURLToPath(preload);
  if (preload.startsWith('.') || preload.startsWith('/')) {
    try {
      return createRequire(pathToFileURL(join(cwd, 'preload.js'))).resolve(resolve(cwd, preload));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The dependency of the program that says that it brings an SDK, by the package.json nearest to its main file. */
function sdkDependency(main: string): string | undefined {
  let folder: string;
  try {
    folder = dirname(realpathSync(main));
  } catch {
    return undefined;
  }
  for (let parent = dirname(folder); ; folder = parent, parent = dirname(folder)) {
    const text = readText(join(folder, 'package.json'));
    if (text !== undefined) return Object.keys(dependenciesOf(text)).find((name) => sdkPackage.test(name) && !passive.test(name));
    if (parent === folder) return undefined;
  }
}

function dependenciesOf(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as { dependencies?: Record<string, unknown> }).dependencies };
  } catch {
    return {};
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
