import type { Settings } from '../benchmark.ts';
import type { Peer } from '../peers.ts';
import type { ClientCalls, LoadCalls, ServerCalls, ServerWorkload } from '../processes/calls.ts';
import { Remote } from '../processes/remote.ts';

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
    // The load first: its connections end with its process, not as errors in it.
    await load.stop();
    await server.stop();
  }
}

/** Runs fresh clients, which are measured, against a fresh bare server that answers canned bytes. */
export async function withClient<T>(
  workload: ServerWorkload,
  { processors }: Settings,
  work: (client: Remote<ClientCalls>, server: Remote<ServerCalls>, port: number) => Promise<T>,
): Promise<T> {
  const client = new Remote<ClientCalls>('client', { processor: processors?.subject });
  const server = new Remote<ServerCalls>('server', { processor: processors?.load });
  try {
    const peer: Peer = { name: 'bare server', module: 'raw', sides: [] };
    return await work(client, server, await server.ask('start', { peer, workload }));
  } finally {
    await client.stop();
    await server.stop();
  }
}
