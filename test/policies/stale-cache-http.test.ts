import { describe, expect, test } from 'vitest';
import { createCodec } from '../../src/policies/stale-cache/codec.ts';
import { BodyCapture, type CapturedResponse, replayResponse } from '../../src/policies/stale-cache/http-response.ts';

const codec = createCodec();

describe('a captured response', () => {
  test('is a copy, of which any number of responses are made', async () => {
    const chunk = new TextEncoder().encode('a');
    const capture = new BodyCapture(100);
    for (const letter of 'abc') {
      chunk[0] = letter.charCodeAt(0);
      capture.add(chunk);
    }
    const headers = [['x-a', '1'] as const, ['content-type', 'text/plain'] as const];
    const made = { url: 'http://h/a', status: 201, statusText: 'Made', headers, body: capture.end() };
    const captured = codec.decode(codec.encode(made)) as CapturedResponse;
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
    const captured = { url: '', status: 204, statusText: '', headers: [], body: new Uint8Array() };
    expect(replayResponse(captured).body).toBeNull();
    expect(await replayResponse({ ...captured, status: 200 }).text()).toBe('');
  });

  test('is not made of a body that is too long', () => {
    const capture = new BodyCapture(6);
    for (const part of ['aaaa', 'bbbb', 'cccc']) capture.add(new TextEncoder().encode(part));
    expect(capture.overflown).toBe(true);
    expect(capture.end()).toBeUndefined();
  });
});
