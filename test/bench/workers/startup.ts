// What a process has used when its program begins.
const { user, system } = process.cpuUsage();
// Not by `performance`, which Node loads when it is first used: that is a part of what a preload may cost.
console.log(JSON.stringify({ ms: process.uptime() * 1_000, cpuMs: (user + system) / 1_000, rss: process.memoryUsage.rss() }));
