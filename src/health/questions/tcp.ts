import type { Endpoint } from '../../config/check-url.ts';
import { Conversation } from './conversation.ts';

/** A connection is the answer. */
export async function askTcp(endpoint: Endpoint, _check: unknown, signal: AbortSignal): Promise<string> {
  using _line = await Conversation.open(endpoint, signal);
  return 'connect';
}
