// Plain JavaScript: the watchdog runs it without a compiler.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** @typedef {{ parent: number, zombie: boolean, startedAt: string }} ProcessInfo */

/** Every process of the machine: from /proc, elsewhere from `ps`. @returns {Map<number, ProcessInfo>} */
function processes() {
  const found = new Map();
  if (process.platform !== 'linux') {
    for (const line of execFileSync('ps', ['-axo', 'pid=,ppid=,stat=,lstart='], { encoding: 'utf8' }).split('\n')) {
      const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      if (match) found.set(Number(match[1]), { parent: Number(match[2]), zombie: match[3].startsWith('Z'), startedAt: match[4] });
    }
    return found;
  }
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const info = processInfo(Number(entry));
    if (info) found.set(Number(entry), info);
  }
  return found;
}

/** @param {number} pid @returns {ProcessInfo | undefined} */
function processInfo(pid) {
  if (process.platform !== 'linux') return processes().get(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command, in brackets, may hold anything: count from the last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), zombie: fields[0] === 'Z' || fields[0] === 'X', startedAt: fields[19] };
  } catch {
    return undefined;
  }
}

/** Tells one process from a later one of the same number; undefined when it is gone. @param {number} pid @returns {string | undefined} */
export function startTime(pid) {
  const info = processInfo(pid);
  return info && !info.zombie ? info.startedAt : undefined;
}

/** The children of `pid`, and theirs. @param {number} pid @returns {number[]} */
export function descendants(pid) {
  const all = processes();
  const found = [];
  const wanted = new Set([pid]);
  // A child may have a smaller number than its parent: go round until nothing is new.
  for (let before = -1; before !== found.length; ) {
    before = found.length;
    for (const [each, info] of all) {
      if (wanted.has(info.parent) && !wanted.has(each) && !info.zombie) {
        wanted.add(each);
        found.push(each);
      }
    }
  }
  return found;
}

/** Sends a signal; one to a process that is gone is no error. @param {number} pid @param {NodeJS.Signals} signal */
export function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Stops the process and all below it; the parent first, so that it starts no more. @param {number} pid @returns {number[]} all of them */
export function freezeTree(pid) {
  sendSignal(pid, 'SIGSTOP');
  const below = descendants(pid);
  for (const each of below) sendSignal(each, 'SIGSTOP');
  return [pid, ...below];
}

/** @param {number} pid */
export function thawTree(pid) {
  for (const each of [...descendants(pid), pid]) sendSignal(each, 'SIGCONT');
}

/** Kills the process and all below it, none of which can outlive it. @param {number} pid @returns {number[]} all of them */
export function killTree(pid) {
  const all = freezeTree(pid);
  for (const each of all) sendSignal(each, 'SIGKILL');
  return all;
}
