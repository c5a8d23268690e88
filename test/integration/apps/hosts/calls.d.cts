export function calls(): Promise<Record<string, number>>;
