/**
 * How long this process computes for `act`, in milliseconds. Not how long it takes: that would tell how busy the machine
 * is.
 */
export function cpuMillisecondsFor(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
