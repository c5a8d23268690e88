import { describe, expect, it } from 'vitest';
import { HttpAdmission } from '../../../instrumentations/fetch/admission.ts';
import { handOver } from '../../../instrumentations/fetch/hand-over.ts';
import type { HttpCall } from '../../../instrumentations/fetch/http-call.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';

const registry = createRegistry();
const admit = (origin: string) => new HttpAdmission(() => registry).admit(origin, 'promise') as HttpCall;

describe('the call that is being handed over', () => {
  it('belongs to the first request of its origin, and to no other', () => {
    const call = admit('http://a');
    handOver.during(call, () => {
      expect(handOver.take('http://b')).toBeUndefined();
      expect(handOver.take('http://a')).toBe(call);
      expect(handOver.take('http://a')).toBeUndefined();
    });
    expect(handOver.take('http://a')).toBeUndefined();
  });

  it('is the outer one again after one within it, even one that threw', () => {
    const outer = admit('http://a');
    const inner = admit('http://b');
    handOver.during(outer, () => {
      expect(() =>
        handOver.during(inner, () => {
          expect(handOver.covers('http://a')).toBe(false);
          throw new Error('inner');
        }),
      ).toThrow('inner');
      expect(handOver.covers('http://a')).toBe(true);
    });
    expect(handOver.covers('http://a')).toBe(false);
  });
});
