import { defineConfig } from 'vitest/config';

/** Tests that start real servers: one file after the other, so that two cores are enough and time-outs mean something. */
const withServers = ['test/integration/**/*.test.ts', 'test/support/servers/**/*.test.ts'];

export default defineConfig({
  test: {
    allowOnly: false,
    teardownTimeout: 20_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'src/**/*.test.ts', 'instrumentations/**/*.test.ts'],
          exclude: withServers,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: withServers,
          globalSetup: './test/support/integration-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          // Machines that others share stall: on CI what fails once gets a second try, and `npm test` names it; elsewhere it fails.
          retry: process.env['CI'] === undefined ? 0 : 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
