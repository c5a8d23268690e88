/** What an error is known by. */
export function codeOf(error) {
  if (error?.code !== undefined) return String(error.code);
  if (error?.cause?.code !== undefined) return String(error.cause.code);
  return `${error?.name}: ${error?.message}`;
}

/** Values with their types, so that a Buffer that came back as a text would be seen. */
export function typed(value) {
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('latin1')}`;
  if (value instanceof Date) return `Date ${value.toISOString()}`;
  if (Array.isArray(value)) return value.map(typed);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, typed(each)]));
  return value;
}
