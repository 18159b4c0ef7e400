import type { Benchmark } from '../benchmark.ts';
import type { MessageShape } from '../messages.ts';
import { FLOW_METRICS, measureFlow } from './message-flow.ts';
import { withServer } from './processes.ts';

const CONNECTIONS = 500;
const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

/** Every message of one connection is sent to all: one at a time, or several that arrive together. */
export const fanOuts: readonly Benchmark[] = [fanOut(1), fanOut(16)];

function fanOut(burst: number): Benchmark {
  return {
    name: `fan-out-${burst}`,
    title: `Fan-out 1 to ${CONNECTIONS}, 64 B text, ${burst === 1 ? 'one at a time' : `bursts of ${burst}`}`,
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side: 'server',
    measure: (peer, settings) =>
      withServer(peer, { behaviour: 'broadcast', shape: SHAPE }, settings, async (server, load, port) => {
        await load.ask('open', {
          port,
          shape: SHAPE,
          connections: CONNECTIONS,
          pattern: 'fan-out',
          inFlight: burst,
          checksAnswers: true,
        });
        return measureFlow(server, load, (durationMs) => load.ask('run', durationMs), settings);
      }),
  };
}
