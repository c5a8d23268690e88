import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A file of the page: its path on the server, its type, its text. */
export type BundledFile = readonly [path: string, contentType: string, text: string];

const types = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8' } as const;

/**
 * Puts the page together: at the build, or from source when it is asked for.
 * @param folder where `main.ts` and `page.html` are
 * @param build esbuild's
 */
export async function bundlePage(folder: string, build: typeof import('esbuild').build): Promise<BundledFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: { page: 'main.ts' },
    bundle: true,
    minify: true,
    write: false,
    outdir: 'assets',
    entryNames: '[name]-[hash]',
    format: 'esm',
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16'],
    // uPlot's licence goes where its code goes.
    legalComments: 'eof',
    logLevel: 'silent',
  });
  const files = outputFiles.map(({ path, text }): BundledFile => [`/assets/${basename(path)}`, types[path.endsWith('.css') ? 'css' : 'js'], text]);
  const pathOf = (extension: string): string => files.find(([path]) => path.endsWith(extension))?.[0] ?? '';
  const page = await readFile(join(folder, 'page.html'), 'utf8');
  const html = page.replaceAll('{{script}}', pathOf('.js')).replaceAll('{{style}}', pathOf('.css'));
  return [['/', 'text/html; charset=utf-8', html], ...files];
}
