/** `*` is any text, slashes and nothing included; `?` is one character; everything else is itself. */
export function globToRegExp(glob: string, flags = ''): RegExp {
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, `s${flags}`);
}

export function isLiteral(glob: string): boolean {
  return !/[*?]/.test(glob);
}

/** How many characters of it are themselves. */
export function literalLength(glob: string): number {
  return glob.replace(/[*?]/g, '').length;
}
