/** Everything of the process that a command touches, so that it can be run without one. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Whether somebody looks at stdout: a terminal, no pipe and no file. */
  readonly terminal: boolean;
  /** Of the terminal. */
  size(): { readonly columns: number; readonly rows: number };
  out(text: string): void;
  err(text: string): void;
  /** Aborted when the person has had enough (Ctrl-C), or nobody reads any more. */
  readonly ended: AbortSignal;
  /** Resolves then, or when `ended` is aborted. */
  wait(ms: number): Promise<void>;
}
