// `npm run build [-- --out <folder>]`: what is published. Declarations by the compiler, file by file; JavaScript as few files,
// because a preload of 150 modules takes twice as long to load. What several entries share is in chunks that all of them
// import, so that there is one engine however it is come by.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const flag = process.argv.indexOf('--out');
const out = resolve(root, flag === -1 ? 'dist' : (process.argv[flag + 1] ?? 'dist'));

/** @type {{ bin: Record<string, string>; exports: Record<string, string | { default: string }> }} */
const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entryPoints = [...Object.values(exports), ...Object.values(bin).map((file) => ({ default: file }))]
  .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.default]))
  .map((file) => file.replace('./dist/', '').replace(/\.js$/, '.ts'));

const sourceOf = (/** @type {string} */ entry) => join(root, entry);
const entries = new Set(entryPoints.map(sourceOf));

/** The live page, put together by what puts it together from source, stands in a chunk of its own as text. */
const livePage = {
  name: 'live-page',
  /** @param {string} id */
  async load(id) {
    if (!/[\\/]management[\\/]page[\\/]bundled\.ts$/.test(id)) return undefined;
    const folder = dirname(id);
    const { outputFiles } = await build({ entryPoints: [join(folder, 'bundle.ts')], format: 'esm', platform: 'node', write: false });
    const { bundlePage } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? '').toString('base64')}`);
    return { code: `export const bundled = ${JSON.stringify(await bundlePage(join(folder, 'browser'), build))};`, moduleType: 'js' };
  },
};

/**
 * One character beyond Latin-1 makes V8 keep the whole text of a file in two bytes a character, for the life of the process.
 * Outside of strings and templates there is none.
 */
const latin = {
  name: 'latin',
  /** @param {unknown} _ @param {Record<string, { type: string; code?: string }>} files */
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      if (file.type === 'chunk')
        file.code = file.code?.replace(/[\u0100-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    }
  },
};

/**
 * What is loaded at once with an entry, and not when it is first needed. Entries are chunks of their own: to import one has an effect.
 * @param {string} entry
 */
async function loadedWith(entry) {
  const options = { absWorkingDir: root, entryPoints: [entry], outdir: made, bundle: true, splitting: true, metafile: true, write: false };
  const { metafile } = await build({ ...options, format: 'esm', platform: 'node', packages: 'external' });
  const start = Object.keys(metafile.outputs).filter((file) => metafile.outputs[file]?.entryPoint === entry);
  const files = new Set(start);
  for (const file of files) {
    for (const { kind, path, external } of metafile.outputs[file]?.imports ?? [])
      if (kind === 'import-statement' && external !== true) files.add(path);
  }
  const sources = [...files].flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}).map(sourceOf));
  return new Set(sources.filter((source) => !entries.has(source)));
}

// Beside the place it is for, and put there when it is whole: somebody may be running what is there now.
const made = mkdtempSync(`${out}-`);
try {
  const compiler = [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', made];
  const { status } = spawnSync(process.execPath, compiler, { cwd: root, stdio: 'inherit' });
  // As the compiler does: what can be made is made, and the errors are told.
  if (status !== 0) process.exitCode = 1;
  // Two files for whoever starts: a preload of thirty takes 10 ms longer to load.
  const [engine, preload] = [await loadedWith('src/index.ts'), await loadedWith('instrumentations/register.ts')];
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(entryPoints.map((entry) => [entry.replace(/\.ts$/, ''), sourceOf(entry)])),
    platform: 'node',
    // All packages but the bundler's own helpers, such as that for `using`.
    external: (id) => !/^[./\\]|^[A-Za-z]:\\/.test(id) && !id.startsWith('@oxc-project/runtime'),
    transform: { target: 'node20.19' },
    plugins: [livePage, latin],
  });
  await bundle.write({
    dir: made,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    codeSplitting: {
      groups: [
        { name: 'engine', test: (id) => engine.has(id), priority: 2 },
        { name: 'preload', test: (id) => preload.has(id), priority: 1 },
      ],
    },
    // A third less to parse at every start. Names stay as they are in the sources, for whoever reads a stack trace.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  });
  // As npm does when it installs; from here it is run without.
  for (const file of Object.values(bin)) chmodSync(join(made, file.replace('./dist/', '')), 0o755);
  // Made for temporary use, for its maker's eyes only.
  chmodSync(made, 0o755);
  const old = `${made}-old`;
  if (existsSync(out)) renameSync(out, old);
  renameSync(made, out);
  rmSync(old, { recursive: true, force: true });
} catch (error) {
  rmSync(made, { recursive: true, force: true });
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
