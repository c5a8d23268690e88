const { TestEnvironment } = require('jest-environment-node');

// An environment is loaded by Node, outside the contexts of the tests: it shows them what the preload made.
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const { handle } = globalThis[Symbol.for('otel-breaker.registered')] ?? {};
    // Of this test file alone.
    for (const { name } of handle?.registry.list() ?? []) handle.registry.remove(name);
    this.global[Symbol.for('otel-breaker.registry')] = handle?.registry;
    this.global.removePreload = () => handle.shutdown();
  }
};
