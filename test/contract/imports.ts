import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** The importing file, from the root of the repository. */
  readonly from: string;
  /** As written: `node:fs`, `yaml`, `./x.ts`. */
  readonly specifier: string;
  /** What it means: a file from the root of the repository, or the package's name. */
  readonly target: string;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
  /** By a call, when it is needed, not when the file is loaded. */
  readonly lazy: boolean;
  readonly line: number;
}

/** The sources of the package, from the root of the repository. */
export function sources(): string[] {
  return (
    ['src', 'instrumentations']
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path.replaceAll('\\', '/')}`),
      )
      // What runs in a browser is bundled, and has a clock and packages of its own.
      .filter((file) => file.endsWith('.ts') && !file.startsWith('src/management/page/browser/'))
      .sort()
  );
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Without comments; what stands in strings and templates is kept, lines keep their numbers. */
export function withoutComments(text: string): string {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(token, (found) => (found.startsWith('/*') || found.startsWith('//') ? found.replace(/[^\n]/g, ' ') : found));
}

const patterns: readonly { readonly pattern: RegExp; readonly lazy: boolean; readonly typeOnly: (found: RegExpExecArray) => boolean }[] = [
  // import ... from '', export ... from '': type-only by keyword, or because each name says so.
  {
    pattern: /^\s*(?:import|export)\s+(type\s)?\s*((?:[\w*$]+\s*,?\s*)?(?:\*\s+as\s+\w+|\*|\{[^}]*\})?)\s*from\s*['"]([^'"]+)['"]/gm,
    lazy: false,
    typeOnly: (found) => found[1] !== undefined || allTypes(found[2] ?? ''),
  },
  { pattern: /^\s*(import)()\s*['"]([^'"]+)['"]/gm, lazy: false, typeOnly: () => false },
  // typeof import('') is a type; import('') is not.
  { pattern: /(typeof\s+)?\bimport()\s*\(\s*['"]([^'"]+)['"]\s*\)/g, lazy: true, typeOnly: (found) => found[1] !== undefined },
  // require(''), createRequire(...)(''), load('') where load is a require.
  { pattern: /()()(?:\brequire|createRequire\([^)]*\)|\bload)\(\s*['"]([^'"]+)['"]\s*\)/g, lazy: true, typeOnly: () => false },
];

function allTypes(names: string): boolean {
  const braces = /^\{([^}]*)\}$/.exec(names.trim());
  const list = (braces?.[1] ?? '').split(',').filter((name) => name.trim() !== '');
  return list.length > 0 && list.every((name) => /^\s*type\s/.test(name));
}

export function importsOf(file: string): Import[] {
  const text = withoutComments(textOf(file));
  return patterns.flatMap(({ pattern, lazy, typeOnly }) =>
    [...text.matchAll(pattern)].map((found) => {
      const specifier = found[3] as string;
      const target = specifier.startsWith('.') ? posix.normalize(posix.join(dirname(file), specifier)) : packageOf(specifier);
      return {
        from: file,
        specifier,
        target,
        typeOnly: typeOnly(found as RegExpExecArray),
        lazy,
        line: text.slice(0, found.index).split('\n').length,
      };
    }),
  );
}

export function allImports(): Import[] {
  return sources().flatMap(importsOf);
}

/** Every file and package that is loaded when a file is: what types alone ask for is not. */
export function reachable(entry: string): Set<string> {
  const seen = new Set<string>([entry]);
  for (const file of seen) {
    if (!file.endsWith('.ts')) continue;
    for (const { target, typeOnly } of importsOf(file)) if (!typeOnly) seen.add(target);
  }
  return seen;
}

export function say({ from, line, specifier }: Import): string {
  return `${from}:${line} imports ${specifier}`;
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
