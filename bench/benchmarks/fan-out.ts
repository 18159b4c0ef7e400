import type { Benchmark } from '../benchmark.ts';
import type { MessageShape } from '../messages.ts';
import { FLOW_METRICS, measureFlow, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const CONNECTIONS = 500;
const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

/** Every message of one connection is sent to all: one at a time, or several that arrive together. */
export const fanOuts: readonly Benchmark[] = [fanOut(1), fanOut(16)];

function fanOut(burst: number): Benchmark {
  const name = `fan-out-${burst}`;
  return {
    name,
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
        const measurement: Measurement = { benchmark: name, peer, settings, subject: server, load };
        return measureFlow(measurement, (durationMs) => load.ask('run', durationMs));
      }),
  };
}
