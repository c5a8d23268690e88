// Preload: the guard in worker threads, too, which `--import tsx` leaves out.
import { register } from 'tsx/esm/api';

register();
await import('./guard.ts');
