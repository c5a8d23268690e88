export function startTime(pid: number): string | undefined;
export function descendants(pid: number): number[];
export function sendSignal(pid: number, signal: NodeJS.Signals): void;
export function freezeTree(pid: number): number[];
export function thawTree(pid: number): void;
export function killTree(pid: number): number[];
