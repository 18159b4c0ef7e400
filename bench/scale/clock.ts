/** Milliseconds of the machine's own clock: the same in each process, and nobody sets it. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
