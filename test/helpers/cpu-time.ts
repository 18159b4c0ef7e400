/**
 * Returns the CPU time that this process spends on `act`, in milliseconds. Unlike elapsed time, CPU time does not
 * depend on how busy the machine is.
 */
export function cpuMillisecondsFor(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
