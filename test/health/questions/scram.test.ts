import { describe, expect, it } from 'vitest';
import { Scram } from '../../../src/health/questions/scram.ts';

// The example of RFC 7677, section 3.
const example = { nonce: 'rOprNGfwEbeRWgbNEkqO', user: 'user' };
const challenge = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';

describe('SCRAM-SHA-256', () => {
  it('proves the password, and knows a server that does', async () => {
    const scram = new Scram('pencil', example);
    expect(scram.first).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    expect(await scram.answer(challenge)).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    expect(() => scram.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).not.toThrow();
    expect(() => scram.verify('v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toThrow('does not know the password');
    expect(() => scram.verify('e=other-error')).toThrow('does not know the password');
  });

  it.each([
    ['a nonce that does not begin with ours', challenge.replace('rOpr', 'xxxx')],
    ['nothing of its own in the nonce', challenge.replace('%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0', '')],
    ['no salt', challenge.replace('s=W22ZaJ0SNY7soEsUEjb6gQ==,', '')],
    ['no rounds', challenge.replace('i=4096', 'i=0')],
    ['rounds that would hold this process up', challenge.replace('4096', '4096000000')],
    ['an error', 'e=other-error'],
  ])('refuses a challenge with %s', async (_what, text) => {
    await expect(new Scram('pencil', example).answer(text)).rejects.toThrow('otherwise than SCRAM says');
  });

  it('refuses an end without a beginning', () => {
    expect(() => new Scram('pencil').verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toThrow('does not know');
  });

  it('makes a new nonce each time', () => {
    expect(new Scram('x').first).not.toBe(new Scram('x').first);
  });
});
