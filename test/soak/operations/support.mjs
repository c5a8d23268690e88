/** What an error is told apart by: a code, SQLSTATE or Redis' own word for it. */
export function codeOf(error) {
  if (typeof error?.code === 'string') return error.code;
  if (error?.name === 'ReplyError') return error.message.split(' ')[0];
  if (typeof error?.cause?.code === 'string') return error.cause.code;
  return `${error?.name}: ${String(error?.message).replace(/\d+/g, '#').slice(0, 80)}`;
}

/** The code, where that is the error; any other is thrown on. */
export async function expectError(promise, code) {
  try {
    await promise;
  } catch (error) {
    if (codeOf(error) === code) return code;
    throw error;
  }
  return 'no error';
}

/** Who waits for a message that comes by another way: for as long as it takes to send it, and on a busy machine for long after. */
export class Waiters {
  #waiting = new Map();

  async whenSent(id, sending) {
    let timer;
    const arrival = new Promise((resolve) => this.#waiting.set(id, resolve));
    try {
      await sending;
      timer = setTimeout(() => this.#waiting.get(id)?.('lost'), 20_000);
      return await arrival;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  arrived(id) {
    this.#waiting.get(id)?.('arrived');
  }
}

/** For what may never end by itself: pg's cursors and streams do not when their connection is lost at the wrong moment. */
export function within(ms, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('given up'), { code: 'given up' })), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
