import { fileURLToPath } from 'node:url';
import { type BundledFile, bundlePage } from './bundle.ts';

const { build } = await import('esbuild');

/** The files of the page. The build puts them here as texts; from source they are made when they are asked for. */
export const bundled: readonly BundledFile[] = await bundlePage(fileURLToPath(new URL('browser', import.meta.url)), build);
