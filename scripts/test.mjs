// `npm test`: everything, on a fresh clone too. Ends with a line `N passed, N failed`; each tool run is one of them, as is
// each test. Arguments go to vitest.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap, run, tool } from './bootstrap.mjs';

let passed = 0;
let failed = 0;

/** @param {string} name @param {() => boolean} work @returns {boolean} */
function step(name, work) {
  console.log(`\n== ${name}`);
  const good = work();
  if (good) passed++;
  else failed++;
  if (!good) console.error(`== ${name} failed`);
  return good;
}

/** Runs vitest and counts its tests. A skipped test counts as failed in a full run: nothing is left out silently. @param {string[]} args */
function tests(args) {
  const directory = mkdtempSync(join(tmpdir(), 'otel-breaker-test-'));
  const file = join(directory, 'report.json');
  try {
    const good = run(tool('vitest'), ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args]);
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const skipped = args.length > 0 ? 0 : report.numPendingTests + report.numTodoTests;
    if (skipped > 0) console.error(`${skipped} tests were skipped`);
    passed += report.numPassedTests;
    // What the machine did to it, or the code: to be looked into, not to be lost.
    for (const { name, assertionResults } of report.testResults) {
      for (const { status, fullName, failureMessages } of assertionResults) {
        if (status === 'passed' && failureMessages.length > 0) console.error(`only at the second try: ${name}: ${fullName}\n${failureMessages[0]}`);
      }
    }
    failed += report.numFailedTests + skipped;
    // A file that does not load has no failed test, but fails the run.
    if (!good && report.numFailedTests === 0) failed += Math.max(1, report.numFailedTestSuites);
  } catch (error) {
    console.error(`vitest left no report: ${error instanceof Error ? error.message : error}`);
    failed++;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const selected = process.argv.slice(2);
if (step('install', bootstrap) && step('build', () => run('npm', ['run', '--silent', 'build']))) {
  step('typecheck', () => run('npm', ['run', '--silent', 'typecheck']));
  step('lint', () => run('npm', ['run', '--silent', 'lint']));
  console.log('\n== tests');
  tests(selected);
  // Allocation and ratios, with limits that hold on any machine.
  if (selected.length === 0) step('guard of the figures', () => run('npm', ['run', '--silent', 'bench', '--', 'guard', '--strict']));
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
