// What a process has used when its program begins.
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ ms: performance.now(), cpuMs: (user + system) / 1_000, rss: process.memoryUsage.rss() }));
