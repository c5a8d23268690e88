import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTokens } from '../../src/setup/tokens.ts';
import { configDir } from '../support/config-dir.ts';

describe('tokens', () => {
  it('come from variables and from a file, those that only read as well', () => {
    const cwd = configDir({ tokens: '# who\nbob:two\n' });
    const env = { OTEL_BREAKER_ADMIN_TOKEN: 'alice:one', OTEL_BREAKER_READ_TOKEN: 'prometheus:three' };
    expect(readTokens({ env, file: 'tokens', cwd })).toEqual([
      { name: 'alice', secret: 'one', role: 'admin' },
      { name: 'prometheus', secret: 'three', role: 'read' },
      { name: 'bob', secret: 'two', role: 'admin' },
    ]);
    expect(readTokens({ env: {}, file: undefined, cwd })).toEqual([]);
  });

  it('in a file that is not there are an error that names it', () => {
    const cwd = configDir({});
    expect(() => readTokens({ env: {}, file: 'tokens', cwd })).toThrow(`the file of tokens ${join(cwd, 'tokens')} cannot be read (ENOENT)`);
  });
});
