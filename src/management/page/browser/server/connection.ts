import { ApiError, type Heard, listen } from './api.ts';

const retryMs = 2_000;
/** Answers to a token that is not there or not known. */
const unauthorized = 401;

export interface Ear {
  opened(): void;
  hear(event: Heard): void;
  /** Told again at each try. */
  lost(why: string): void;
  /** @returns whether somebody has given a token */
  needToken(): Promise<boolean>;
  /** Ends a pause early. */
  readonly hurry: EventTarget;
}

/** Listens for ever: a connection that ends is made anew. */
export async function follow(ear: Ear): Promise<never> {
  for (;;) {
    let why = 'the connection has ended';
    try {
      await listen(
        () => ear.opened(),
        (event) => ear.hear(event),
      );
    } catch (error) {
      why = error instanceof ApiError ? error.message : 'no answer from the service';
      if (error instanceof ApiError && error.status === unauthorized) {
        ear.lost('this service shows itself to holders of a token only');
        // Who will not now may later: that hurries.
        if (!(await ear.needToken())) await changed(ear.hurry);
        continue;
      }
    }
    ear.lost(why);
    await pause(ear.hurry);
  }
}

function changed(target: EventTarget): Promise<void> {
  return new Promise((resolve) => target.addEventListener('change', () => resolve(), { once: true }));
}

function pause(hurry: EventTarget): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, retryMs);
    hurry.addEventListener('change', () => resolve(), { once: true });
  });
}
