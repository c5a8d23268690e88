const started = performance.now();
await (await fetch(process.env.UPSTREAM_URL)).text();
process.once('exit', () => console.log(JSON.stringify({ ms: performance.now() - started })));
process.exitCode = 7;
