import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/policies/stale-cache/codec.ts';
import { type CapturedResponse, captureResponse, replayResponse } from '../../src/policies/stale-cache/http-response.ts';

const codec = createCodec();

/** A body in pieces. */
function streamed(...chunks: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

describe('a captured response', () => {
  test('is a copy, and leaves the original to its caller', async () => {
    const original = new Response(streamed('a', 'b', 'c'), {
      status: 201,
      statusText: 'Made',
      headers: { 'x-a': '1', 'content-type': 'text/plain' },
    });
    const capturing = captureResponse(original, 100);
    expect(await original.text()).toBe('abc');
    const captured = codec.decode(codec.encode(await capturing)) as CapturedResponse;
    for (let hit = 0; hit < 2; hit++) {
      const response = replayResponse(captured);
      expect(response).toBeInstanceOf(Response);
      expect([response.status, response.statusText, response.headers.get('x-a'), response.ok]).toEqual([201, 'Made', '1', true]);
      response.headers.set('x-a', 'changed');
      const parts: Uint8Array[] = [];
      for await (const part of response.body as ReadableStream<Uint8Array>) parts.push(part);
      expect(Buffer.concat(parts).toString()).toBe('abc');
    }
  });

  test('streams a large body in pieces, each reader with memory of its own', async () => {
    const body = Buffer.alloc(200_000, 'x');
    const captured: CapturedResponse = { url: 'http://h/a', status: 200, statusText: '', headers: [], body };
    const response = replayResponse(captured);
    expect(response.url).toBe('http://h/a');
    let size = 0;
    let pieces = 0;
    for await (const part of response.body as ReadableStream<Uint8Array>) {
      size += part.byteLength;
      pieces++;
      part.fill(0);
    }
    expect([size, pieces > 1]).toEqual([200_000, true]);
    expect(await replayResponse(captured).text()).toBe('x'.repeat(200_000));
    const reader = (replayResponse(captured).body as ReadableStream).getReader({ mode: 'byob' });
    expect((await reader.read(new Uint8Array(10))).value?.byteLength).toBe(10);
  });

  test('keeps several headers of one name', () => {
    const headers = [['set-cookie', 'a=1'] as const, ['set-cookie', 'b=2'] as const];
    expect(replayResponse({ url: '', status: 200, statusText: '', headers, body: new Uint8Array() }).headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  test('may have no body', async () => {
    const captured = await captureResponse(new Response(null, { status: 204 }), 10);
    expect(captured).toMatchObject({ status: 204, body: new Uint8Array() });
    expect(replayResponse(captured as CapturedResponse).body).toBeNull();
    expect(await replayResponse({ ...(captured as CapturedResponse), status: 200 }).text()).toBe('');
  });

  test('is not made of a body that is too long, breaks off, or has been read', async () => {
    const long = new Response(streamed('aaaa', 'bbbb', 'cccc'));
    const capturing = captureResponse(long, 6);
    expect(await long.text()).toBe('aaaabbbbcccc');
    expect(await capturing).toBeUndefined();
    expect(await captureResponse(new Response('aaaa', { headers: { 'content-length': '4' } }), 3)).toBeUndefined();

    const broken = new Response(
      new ReadableStream({
        pull: (controller) => controller.error(new Error('cut')),
      }),
    );
    const ofBroken = captureResponse(broken, 100);
    await expect(broken.text()).rejects.toThrow('cut');
    expect(await ofBroken).toBeUndefined();

    const read = new Response('a');
    await read.text();
    expect(await captureResponse(read, 100)).toBeUndefined();
  });
});
