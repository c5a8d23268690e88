// For tsx, and for Node's own type stripping.
import { calls } from './calls.cjs';

const report: Record<string, number> = await calls();
console.log(JSON.stringify(report));
