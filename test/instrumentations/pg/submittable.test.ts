import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { watchSubmittable } from '../../../instrumentations/pg/submittable.ts';

class Statement extends EventEmitter {
  readonly told: string[] = [];
  submit(): void {}
  handleRowDescription(): void {
    this.told.push('described');
  }
  handleReadyForQuery(): void {
    this.told.push('ready');
  }
  handleError(error: unknown): string {
    this.told.push(`error ${String(error)}`);
    return 'returned';
  }
}
class Paced extends Statement {
  read(): void {}
}

function watched<S extends Statement>(statement: S): { statement: S; heard: string[] } {
  const heard: string[] = [];
  watchSubmittable(statement, {
    answered: () => heard.push('answered'),
    ended: () => heard.push('ended'),
    failed: (error) => heard.push(`failed ${String(error)}`),
  });
  return { statement, heard };
}

describe('a submittable that is watched', () => {
  it('goes on hearing from the client, and is left as it was at the end', () => {
    const { statement, heard } = watched(new Statement());
    expect(Object.keys(statement)).not.toContain('handleError');
    statement.handleRowDescription();
    statement.handleReadyForQuery();
    expect(statement.told).toEqual(['described', 'ready']);
    expect(heard).toEqual(['ended']);
    expect(Object.hasOwn(statement, 'handleError')).toBe(false);
    expect(Object.hasOwn(statement, 'handleReadyForQuery')).toBe(false);
  });

  it('passes on errors and what the handler returns; only the first end counts', () => {
    const { statement, heard } = watched(new Statement());
    const { handleError } = statement;
    expect(handleError.call(statement, 'e1')).toBe('returned');
    handleError.call(statement, 'e2');
    statement.handleReadyForQuery();
    expect(heard).toEqual(['failed e1']);
    expect(statement.told).toEqual(['error e1', 'error e2', 'ready']);
  });

  it('tells of the first answer when the application sets its pace', () => {
    const { statement, heard } = watched(new Paced());
    statement.handleRowDescription();
    statement.handleError('late');
    expect(heard).toEqual(['answered', 'failed late']);
  });

  it('keeps handlers of its own, as QueryStream has them', () => {
    const own = () => 'own';
    const { statement } = watched(Object.assign(new Paced(), { handleError: own }));
    statement.handleReadyForQuery();
    expect(statement.handleError).toBe(own);
  });

  it('keeps the wrapper of somebody who came later', () => {
    const { statement } = watched(new Statement());
    const inner = statement.handleReadyForQuery;
    const outer = function (this: Statement) {
      this.told.push('outer');
      inner.call(this);
    };
    statement.handleReadyForQuery = outer;
    statement.handleReadyForQuery();
    expect(statement.handleReadyForQuery).toBe(outer);
    expect(statement.told).toEqual(['outer', 'ready']);
  });

  it('of pg-native is heard of by its end, and of its error when that has the fields of the server', () => {
    class Native extends EventEmitter {
      submit(): void {}
      handleError(error: Error): void {
        Object.assign(error, { code: '42601' });
      }
    }
    const watchNative = () => {
      const statement = new Native();
      const heard: unknown[] = [];
      watchSubmittable(statement, {
        answered: () => heard.push('answered'),
        ended: () => heard.push('ended'),
        failed: (error) => heard.push((error as { code?: string }).code),
      });
      return { statement, heard };
    };
    const succeeding = watchNative();
    succeeding.statement.emit('row');
    expect(succeeding.heard).toEqual([]);
    succeeding.statement.emit('end');
    expect(succeeding.heard).toEqual(['ended']);
    expect(Object.hasOwn(succeeding.statement, 'emit')).toBe(false);
    const failing = watchNative();
    failing.statement.handleError(new Error('syntax error'));
    failing.statement.emit('end');
    expect(failing.heard).toEqual(['42601']);
  });
});
