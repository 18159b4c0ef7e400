import type { Benchmark } from '../benchmark.ts';
import type { MessageShape } from '../messages.ts';
import { FLOW_METRICS, measureFlow, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const CONNECTIONS = 500;
const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

type Behaviour = 'fan-out' | 'broadcast';

const TITLES: Readonly<Record<Behaviour, string>> = { 'fan-out': 'Fan-out by a loop', broadcast: 'Broadcast' };

/** Measures servers that send every message of one connection to all, one at a time or several that arrive together. */
export const fanOuts: readonly Benchmark[] = [
  fanOut('fan-out', 1),
  fanOut('fan-out', 16),
  fanOut('broadcast', 1),
  fanOut('broadcast', 16),
];

function fanOut(behaviour: Behaviour, burst: number): Benchmark {
  const name = `${behaviour}-${burst}`;
  return {
    name,
    title: `${TITLES[behaviour]}, 1 to ${CONNECTIONS}, 64 B text, ${burst === 1 ? 'one at a time' : `bursts of ${burst}`}`,
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side: 'server',
    measure: (peer, settings) =>
      withServer(peer, { behaviour, shape: SHAPE }, settings, async (server, load, port) => {
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
