/** What a breaker protects; telemetry makes attributes of it, configuration matches on it. */
export interface Target {
  /** `redis`, `postgresql`, `http`, or a third party's own name. */
  readonly system?: string;
  /** Host name or address, or the path of a Unix socket. */
  readonly address?: string;
  readonly port?: number;
  /** Within the server: a database's name. */
  readonly namespace?: string;
  /** The class of operation: read, write, delete, scan, admin, ... */
  readonly operation?: string;
  /** The server's key, such as `redis://10.0.0.5:6379`: breakers that share it share faults of the connection. */
  readonly server?: string;
}
