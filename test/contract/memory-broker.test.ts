import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { brokerContract } from './broker.ts';

brokerContract('memory', async () => {
  let now = 1_000_000;
  const logs = new MemoryLogs({ clock: { monotonicMs: () => now, wallMs: () => now } });
  return {
    connect: () => logs.connect(),
    pass: async (milliseconds) => {
      now += milliseconds;
    },
    longestPassMs: Infinity,
    hasState: true,
    largestBytes: 1_048_576,
  };
});
