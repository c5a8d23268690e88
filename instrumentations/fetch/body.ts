import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { reportFault } from '../../src/core/fault.ts';
import type { Undo } from '../shared/hook.ts';
import { handOver } from './hand-over.ts';
import type { HttpCall } from './http-call.ts';
import { originOf } from './origin.ts';
import type { RequestMessage } from './types.ts';

/**
 * Tells admitted `fetch` calls how their bodies end, by undici's diagnostics channels (the undici inside Node has no other
 * place to look): the response object stays the client's own, and its stream untouched. Loads no undici.
 */
export function observeBodies(): Undo {
  const calls = new WeakMap<object, HttpCall>();
  const listeners: Record<string, (message: RequestMessage) => void> = {
    'undici:request:create': ({ request }) => {
      const call = typeof request.origin === 'string' ? handOver.take(originOf(request.origin) ?? '') : undefined;
      if (call === undefined) return;
      call.observed = true;
      calls.set(request, call);
    },
    'undici:request:trailers': ({ request }) => calls.get(request)?.ended(),
    'undici:request:error': ({ request, error }) => calls.get(request)?.broke(error),
  };
  const undo = Object.entries(listeners).map(([channel, listener]) => {
    // An exception in a subscriber would end the process.
    const isolated = (message: unknown): void => {
      try {
        listener(message as RequestMessage);
      } catch (error) {
        reportFault(error, channel);
      }
    };
    subscribe(channel, isolated);
    return () => unsubscribe(channel, isolated);
  });
  return () => {
    for (const each of undo) each();
  };
}
