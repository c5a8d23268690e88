import { withoutCredentials } from '../core/credentials.ts';
import type { Statements } from './changes.ts';
import { variables } from './environment.ts';

/**
 * What a file says otherwise than before, and to no effect: the environment of the process, which is read when it starts, or its
 * program says something else of the same, and stands above every file.
 */
export function overruled(before: Statements, after: Statements): string[] {
  return [...after].flatMap(([path, said]) => {
    if (path.includes(': ') || before.get(path) === said) return [];
    const byCode = after.get(`code: ${path}`);
    const above = byCode ?? after.get(`environment: ${path}`);
    if (above === undefined || above === said) return [];
    const who = byCode === undefined ? `${variableOf(path)}=${above}` : `the program's own ${above}`;
    return [withoutCredentials(`${path}: ${said} (above it stands ${who})`)];
  });
}

function variableOf(path: string): string {
  for (const [name, variable] of variables) if (variable.path.join('.') === path) return name;
  return 'the environment';
}
