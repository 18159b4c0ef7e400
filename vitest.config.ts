import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Two switches of the gate (.ci/run), which gets its figures out of one run of `npm test` instead of three.
const withCoverage = process.env['TEST_COVERAGE'] === '1';
const resultsFile = process.env['TEST_RESULTS'];

// Tests with programs that must be installed: scripts/install-peers.sh.
const withRealPeers = ['test/interop/real-*.test.ts'];

const shared = {
  pool: 'forks' as const,
  setupFiles: ['test/helpers/fail-on-console.ts', 'test/helpers/test-wait.ts'],
  expect: { requireAssertions: true },
};

export default defineConfig({
  resolve: {
    alias: [
      { find: /^4d-websocket$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) },
      { find: /^4d-websocket\/core$/, replacement: fileURLToPath(new URL('src/core.ts', import.meta.url)) },
      { find: /^4d-websocket\/ws$/, replacement: fileURLToPath(new URL('src/ws.ts', import.meta.url)) },
      { find: /^4d-websocket\/testing$/, replacement: fileURLToPath(new URL('src/testing.ts', import.meta.url)) },
      { find: /^4d-websocket\/redis$/, replacement: fileURLToPath(new URL('src/redis.ts', import.meta.url)) },
      {
        find: /^4d-websocket\/browser-topics$/,
        replacement: fileURLToPath(new URL('src/browser-topics.ts', import.meta.url)),
      },
      { find: /^4d-websocket\/browser$/, replacement: fileURLToPath(new URL('src/browser.ts', import.meta.url)) },
    ],
  },
  test: {
    reporters: resultsFile ? ['default', ['json', { outputFile: resultsFile }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{beside,browser,on-ws,package,redis,runtimes}/**', ...withRealPeers],
          // Many tests wait for time limits: one worker, the default on two processors, took 541 s, two take 295.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // Says so when `npm run test:brokers` would skip tests.
          globalSetup: 'test/redis/find-servers.ts',
          testTimeout: 10_000,
          hookTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'peers',
          include: withRealPeers,
          globalSetup: 'test/interop/find-tools.ts',
          testTimeout: 30_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'brokers',
          include: ['test/redis/**/*.test.ts'],
          globalSetup: 'test/redis/find-servers.ts',
          // In CI a bound of seconds is missed now and then on a machine that is shared: what fails twice has failed.
          retry: process.env['CI'] === undefined ? 0 : 1,
          // These tests wait: for time limits, for processes, for servers that are away.
          maxWorkers: Math.max(3, availableParallelism() - 1),
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'beside',
          include: ['test/beside/*.test.ts'],
          globalSetup: 'test/beside/install.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'on-ws',
          include: ['test/on-ws/*.test.ts'],
          globalSetup: 'test/on-ws/install.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'package',
          include: ['test/package/*.test.ts'],
          globalSetup: 'test/package/installed-app.ts',
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'runtimes',
          include: ['test/runtimes/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
    coverage: {
      enabled: withCoverage,
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Its tests need servers: `npm run test:brokers`.
      exclude: ['src/redis/**'],
      reporter: ['text', 'html'],
      reportOnFailure: true,
      thresholds: {
        statements: 90,
        branches: 90,
        functions: 90,
        lines: 90,
        'src/{protocol,handshake}/**': { 100: true },
      },
    },
  },
});
