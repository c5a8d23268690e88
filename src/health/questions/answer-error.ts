import { withoutSecrets } from '../../core/credentials.ts';

/** What a server said instead of what was expected. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';

  /** @param secrets what it may repeat of the question, and must not be told further */
  constructor(said: string, secrets: readonly (string | undefined)[] = []) {
    super(withoutSecrets(said, secrets));
  }
}
