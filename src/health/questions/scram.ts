import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { AnswerError } from './answer-error.ts';

export const mechanism = 'SCRAM-SHA-256';

const derive = promisify(pbkdf2);
const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
/** More rounds than anybody sets, and fewer than would hold this process up. */
const maxRounds = 1_000_000;

/** Logs in without telling the password, and sees that the server knows it (RFC 5802, 7677). */
export class Scram {
  readonly #password: string;
  readonly #nonce: string;
  readonly #user: string;
  #serverSignature: Buffer | undefined;

  /** @param given for tests; PostgreSQL has been told the user before, and wants none here */
  constructor(password: string, given: { readonly nonce?: string; readonly user?: string } = {}) {
    // As much of SASLprep as matters: the same letters written in another way.
    this.#password = password.normalize('NFKC');
    this.#nonce = given.nonce ?? randomBytes(18).toString('base64');
    this.#user = given.user ?? '';
  }

  get first(): string {
    return `n,,${this.#bare}`;
  }

  get #bare(): string {
    return `n=${this.#user},r=${this.#nonce}`;
  }

  /** The answer to the server's challenge. @throws AnswerError for one that makes no sense */
  async answer(challenge: string): Promise<string> {
    const { r: nonce, s: salt, i: rounds = '' } = attributesOf(challenge);
    const count = Number(rounds);
    const sound = nonce?.startsWith(this.#nonce) && nonce.length > this.#nonce.length && salt && count >= 1 && count <= maxRounds;
    if (!sound || nonce === undefined || salt === undefined) throw new AnswerError('the server logs in otherwise than SCRAM says');
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), count, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const final = `c=biws,r=${nonce}`;
    const message = `${this.#bare},${challenge},${final}`;
    const signature = hmac(createHash('sha256').update(clientKey).digest(), message);
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), message);
    return `${final},p=${Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64')}`;
  }

  /** @throws AnswerError when the server does not know the password itself: it is somebody else */
  verify(final: string): void {
    const said = Buffer.from(attributesOf(final).v ?? '', 'base64');
    const expected = this.#serverSignature;
    if (expected === undefined || said.length !== expected.length || !timingSafeEqual(said, expected))
      throw new AnswerError('the server does not know the password itself');
  }
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}
