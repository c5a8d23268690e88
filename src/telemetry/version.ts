/** On every scope. */
export { version } from '../core/version.ts';
