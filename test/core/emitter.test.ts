import { afterEach, describe, expect, test } from 'vitest';
import { Emitter } from '../../src/core/emitter.ts';
import { reportFault, setFaultReporter } from '../../src/core/fault.ts';

interface Events {
  a: number;
  b: string;
}

afterEach(() => void setFaultReporter(undefined));

describe('an emitter', () => {
  test('is silent for free: with nobody listening it says so', () => {
    const emitter = new Emitter<Events>();
    expect(emitter.heard('a')).toBe(false);
    const subscription = emitter.on('a', () => undefined);
    expect(emitter.heard('a')).toBe(true);
    expect(emitter.heard('b')).toBe(false);
    subscription[Symbol.dispose]();
    expect(emitter.heard('a')).toBe(false);
    expect(() => emitter.emit('a', 1)).not.toThrow();
  });

  test('tells listeners in the order in which they came', () => {
    const emitter = new Emitter<Events>();
    const heard: string[] = [];
    for (const name of ['x', 'y', 'z']) emitter.on('a', (n) => void heard.push(`${name}${n}`));
    emitter.emit('a', 1);
    expect(heard).toEqual(['x1', 'y1', 'z1']);
  });

  test('tells what a listener causes after what caused it, to all in one order', () => {
    const emitter = new Emitter<Events>();
    const heard: string[] = [];
    emitter.on('a', (n) => {
      heard.push(`first ${n}`);
      if (n < 3) emitter.emit('a', n + 1);
    });
    emitter.on('a', (n) => void heard.push(`second ${n}`));
    emitter.emit('a', 1);
    expect(heard).toEqual(['first 1', 'second 1', 'first 2', 'second 2', 'first 3', 'second 3']);
  });

  test('one that comes or goes while an event is told does not change who hears it', () => {
    const emitter = new Emitter<Events>();
    const heard: string[] = [];
    const late = (): void => void heard.push('late');
    emitter.on('a', () => {
      second[Symbol.dispose]();
      emitter.on('a', late);
    });
    const second = emitter.on('a', () => void heard.push('second'));
    emitter.emit('a', 1);
    expect(heard).toEqual(['second']);
    emitter.emit('a', 2);
    expect(heard).toEqual(['second', 'late']);
  });

  test('goes on after a listener that throws', () => {
    const faults: unknown[] = [];
    setFaultReporter((error, where) => void faults.push([error, where]));
    const emitter = new Emitter<Events>();
    const heard: number[] = [];
    emitter.on('a', () => {
      throw 'not even an error';
    });
    emitter.on('a', (n) => void heard.push(n));
    emitter.emit('a', 1);
    emitter.emit('a', 2);
    expect(heard).toEqual([1, 2]);
    expect(faults).toEqual([
      ['not even an error', "a listener of 'a'"],
      ['not even an error', "a listener of 'a'"],
    ]);
  });
});

describe('the reporter of faults', () => {
  test('is given back, so that whoever sets one can restore the one before', () => {
    const mine = (): void => undefined;
    const before = setFaultReporter(mine);
    expect(setFaultReporter(before)).toBe(mine);
  });

  test("that throws itself is nobody else's trouble", () => {
    setFaultReporter(() => {
      throw new Error('reporter is broken');
    });
    expect(() => reportFault(new Error('x'), 'a test')).not.toThrow();
  });

  test('is a process warning unless another is set', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    reportFault('odd', 'a test');
    expect(await warned).toMatchObject({ name: 'OtelBreakerWarning', code: 'OTEL_BREAKER_FAULT', message: 'fault in a test: odd' });
  });
});
