// Makes a call, tells that it has, and never comes back to the event loop.
fetch(process.env.UPSTREAM_URL)
  .then((response) => response.text())
  .then(() => {
    setTimeout(() => {
      process.stdout.write('{}\n', () => {
        for (;;);
      });
    }, 200);
  });
