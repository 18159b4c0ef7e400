/** Number of open files of a process that are no connections: modules, the console, the event loop, the server. */
export const OTHER_FILES = 100;

/** Returns the number of files that a process may have open. Node raises its soft limit to this hard limit. */
export function openFileLimit(): number {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly hard: number | string } };
  };
  const hard = userLimits?.open_files?.hard;
  return typeof hard === 'number' ? hard : Infinity;
}

/** @throws Error when a process cannot hold so many connections */
export function checkOpenFiles(connections: number, limit: number = openFileLimit()): void {
  const needed = connections + OTHER_FILES;
  if (limit >= needed) return;
  throw new Error(
    `${connections} connections take ${needed} open files, the limit is ${limit}: raise it with ulimit -n`,
  );
}
