import type { ConfigIssue } from '../core/errors.ts';
import { type InjectionOptions, injectionIssues, injectionProperties } from '../core/injection.ts';
import type { ObjectSchema, Schema } from '../core/schema.ts';
import type { ConfigurationInput, Match } from './schema.ts';
import { canonicalSystem, misspeltSystem } from './system-names.ts';

/** Faults to be injected, as they are configured. */
export type ConfiguredFault = Omit<InjectionOptions, 'by' | 'allowInProduction'> & {
  readonly match: Match;
  /** Begins with the process, too. */
  readonly atStart?: boolean;
};

export interface FaultsInput {
  readonly allowInProduction?: boolean;
  readonly inject?: readonly ConfiguredFault[];
}

/** One that is configured, and where. */
export interface FaultRule {
  readonly fault: ConfiguredFault;
  /** As in `faults.inject[1]`. */
  readonly where: string;
}

export function faultsSchema(match: ObjectSchema & Schema): ObjectSchema & Schema {
  return {
    kind: 'object',
    description: 'faults injected on purpose, for a game day',
    properties: {
      allowInProduction: { kind: 'boolean', default: false, description: 'whether any may be injected in production, by whomever' },
      inject: {
        kind: 'array',
        description: 'each begins when it comes here, or is changed, while the process runs; a newer one comes first where both match',
        items: {
          kind: 'object',
          properties: {
            match,
            ...injectionProperties,
            atStart: { kind: 'boolean', default: false, description: 'begins with the process too, at each of its starts' },
          },
          required: ['match', 'kind'],
        },
      },
    },
  };
}

interface NamedSources {
  readonly file: ConfigurationInput;
  readonly code: ConfigurationInput;
}

/** Of all sources, in their order. */
export function faultRules({ file, code }: NamedSources): FaultRule[] {
  return [
    ...(file.faults?.inject ?? []).map((fault, index) => ({ fault: canonical(fault), where: `faults.inject[${index}]` })),
    ...(code.faults?.inject ?? []).map((fault, index) => ({ fault: canonical(fault), where: `code: faults.inject[${index}]` })),
  ];
}

/** What does not go together. */
export function faultIssues(sources: NamedSources): ConfigIssue[] {
  return faultRules(sources).flatMap(({ fault, where }) => {
    const { system } = fault.match;
    const meant = system === undefined ? undefined : misspeltSystem(system);
    const slip = meant === undefined ? [] : [{ path: `${where}.match.system`, value: system, allowed: `did you mean ${meant}?` }];
    return [...slip, ...injectionIssues(fault, where)];
  });
}

function canonical({ match: { system, ...match }, ...fault }: ConfiguredFault): ConfiguredFault {
  return { ...fault, match: system === undefined ? match : { system: canonicalSystem(system), ...match } };
}
