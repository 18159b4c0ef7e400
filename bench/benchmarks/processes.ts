import type { Settings } from '../benchmark.ts';
import type { Exchange } from '../load/exchange.ts';
import type { LoadPlan } from '../load/load.ts';
import type { Peer } from '../peers.ts';
import type { ClientCalls, CommonCalls, LoadCalls, ServerCalls, ServerWorkload } from '../processes/calls.ts';
import { Remote } from '../processes/remote.ts';

/** The bare server, which answers measured clients. */
const BARE_SERVER: Peer = { name: 'bare server', module: 'raw', sides: [] };

/** The two processes of an echo; either may be the measured one. */
export interface EchoEnds {
  /** The process whose cost is the figure. */
  readonly subject: Pick<Remote<CommonCalls>, 'ask'>;
  /** The process at the other end. */
  readonly load: Pick<Remote<CommonCalls>, 'ask'>;
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  readonly open: (plan: Omit<LoadPlan, 'port' | 'pattern'>) => Promise<Exchange>;
  /** Lets messages flow on the connections of the last {@link open}. */
  readonly run: (durationMs: number) => Promise<Exchange>;
}

/** Measures a peer on one side of echoes: as the server of a load, or as the clients of a bare server. */
export function withEchoes<T>(
  side: 'server' | 'client',
  peer: Peer,
  shape: ServerWorkload['shape'],
  settings: Settings,
  work: (ends: EchoEnds) => Promise<T>,
): Promise<T> {
  const workload: ServerWorkload = { behaviour: 'echo', shape };
  if (side === 'client') {
    return withClient(workload, settings, (client, server, port) =>
      work({
        subject: client,
        load: server,
        open: (plan) => client.ask('open', { peer, plan: { ...plan, port, pattern: 'echo' } }),
        run: (durationMs) => client.ask('run', durationMs),
      }),
    );
  }
  return withServer(peer, workload, settings, (server, load, port) =>
    work({
      subject: server,
      load,
      open: (plan) => load.ask('open', { ...plan, port, pattern: 'echo' }),
      run: (durationMs) => load.ask('run', durationMs),
    }),
  );
}

/** Runs a fresh server and a fresh load, each pinned to its processor, and ends them whatever happens. */
export async function withServer<T>(
  peer: Peer,
  workload: ServerWorkload,
  { processors }: Settings,
  work: (server: Remote<ServerCalls>, load: Remote<LoadCalls>, port: number) => Promise<T>,
): Promise<T> {
  const server = new Remote<ServerCalls>('server', { processor: processors?.subject });
  const load = new Remote<LoadCalls>('load', { processor: processors?.load });
  try {
    const result = await work(server, load, await server.ask('start', { peer, workload }));
    await load.ask('verify', null);
    return result;
  } finally {
    // The load stops first, so that it does not report the end of the server as lost connections.
    await load.stop();
    await server.stop();
  }
}

/** Measures fresh clients against a fresh bare server, which answers with prebuilt bytes. */
async function withClient<T>(
  workload: ServerWorkload,
  { processors }: Settings,
  work: (client: Remote<ClientCalls>, server: Remote<ServerCalls>, port: number) => Promise<T>,
): Promise<T> {
  const client = new Remote<ClientCalls>('client', { processor: processors?.subject });
  const server = new Remote<ServerCalls>('server', { processor: processors?.load });
  const measure = async (): Promise<T> => {
    const result = await work(client, server, await server.ask('start', { peer: BARE_SERVER, workload }));
    await client.ask('verify', null);
    return result;
  };
  try {
    const [outcome] = await Promise.allSettled([measure()]);
    const isQuiet = outcome.status === 'fulfilled';
    // The server's fault says more than the clients' error: clients only notice a lost connection.
    const fault = await server.ask('findFault', isQuiet);
    if (fault !== undefined) throw new Error(fault);
    if (!isQuiet) throw outcome.reason;
    return outcome.value;
  } finally {
    // The server stops first: the side that ends TCP keeps a port in TIME_WAIT per connection, and a server has only
    // one.
    await server.stop();
    await client.stop();
  }
}
