export function random(seed: number): () => number;
export function choice(seed: number, n: number): () => number;
