// `npm run build [-- --out <folder>]`: what is published. Declarations by the compiler, file by file; JavaScript as few files,
// because a preload of 150 modules takes twice as long to load. What several entries share is in chunks that all of them
// import, so that there is one engine however it is come by.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const flag = process.argv.indexOf('--out');
const out = resolve(root, flag === -1 ? 'dist' : (process.argv[flag + 1] ?? 'dist'));

/** @type {{ bin: Record<string, string>; exports: Record<string, string | { default: string }> }} */
const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entryPoints = [...Object.values(exports), ...Object.values(bin).map((file) => ({ default: file }))]
  .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default]))
  .map((file) => file.replace('./dist/', '').replace(/\.js$/, '.ts'));

/** The live page, put together by what puts it together from source, stands in a chunk of its own as text. */
const livePage = {
  name: 'live-page',
  /** @param {import('esbuild').PluginBuild} builder */
  setup(builder) {
    builder.onLoad({ filter: /[\\/]management[\\/]page[\\/]bundled\.ts$/ }, async ({ path }) => {
      const folder = dirname(path);
      const { outputFiles } = await build({ entryPoints: [join(folder, 'bundle.ts')], format: 'esm', platform: 'node', write: false });
      const { bundlePage } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? '').toString('base64')}`);
      return { contents: `export const bundled = ${JSON.stringify(await bundlePage(join(folder, 'browser'), build))};` };
    });
  },
};

// Beside the place it is for, and put there when it is whole: somebody may be running what is there now.
const made = mkdtempSync(`${out}-`);
try {
  const compiler = [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', made];
  const { status } = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' });
  // As the compiler does: what can be made is made, and the errors are told.
  if (status !== 0) process.exitCode = 1;
  await build({
    absWorkingDir: root,
    entryPoints,
    outbase: root,
    outdir: made,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
    // A third less to parse at every start. Names stay as they are in the sources, for whoever reads a stack trace.
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
    plugins: [livePage],
  });
  // As npm does when it installs; from here it is run without.
  for (const file of Object.values(bin)) chmodSync(join(made, file.replace('./dist/', '')), 0o755);
  const old = `${made}-old`;
  if (existsSync(out)) renameSync(out, old);
  renameSync(made, out);
  rmSync(old, { recursive: true, force: true });
} catch (error) {
  rmSync(made, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
