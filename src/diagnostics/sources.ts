import { addCounts, type LiveFigures, type MetricsSource, Observed, Snapshot } from './observed.ts';

/** Servers that have ended are kept apart by this many paths. */
const MAX_ENDED_PATHS = 100;

/** All clients of this process. A client is in `live` while it may have a connection. */
export const clients: MetricsSource & { readonly live: Set<{ readonly figures: LiveFigures | undefined }> } = {
  observed: new Observed('client'),
  live: new Set(),
  pendingHandshakes: 0,
};

/** Requests that reached no server: their path has none, or the web server refused them before. */
export const unrouted: Observed = new Observed('server');

/** How figures name the path of a server of all paths. A server of the pattern `*` counts with it. */
const ALL_PATHS = '*';

const servers = new Set<MetricsSource>();

/** What servers that have ended have counted, by path: counters of a path must not go back. */
const endedServers = new Map<string | undefined, Observed>();

/** Adds a server to the figures of the process. */
export function addServer(server: MetricsSource): void {
  servers.add(server);
}

/** Removes a server that has ended. What it has counted stays in the figures of the process. */
export function removeServer(server: MetricsSource): void {
  if (!servers.delete(server)) return;
  const { path } = server.observed;
  const sum = endedServers.get(path) ?? new Observed('server', path);
  sum.add(server.observed);
  addCounts(sum.topicCounts, server.topicFigures?.counts ?? new Map<string, number>());
  endedServers.delete(path);
  endedServers.set(path, sum);
  const [oldest] = endedServers.keys();
  if (endedServers.size > MAX_ENDED_PATHS) endedServers.delete(oldest);
}

/** Reads the figures of all servers of this process, by path. */
export function readServers(): ReadonlyMap<string, Snapshot> {
  const snapshots = new Map<string, Snapshot>();
  const snapshotOf = (path: string = ALL_PATHS): Snapshot => {
    const known = snapshots.get(path) ?? new Snapshot('server', path);
    snapshots.set(path, known);
    return known;
  };
  for (const ended of endedServers.values()) snapshotOf(ended.path).add(ended);
  for (const server of servers) snapshotOf(server.observed.path).read(server);
  return snapshots;
}
