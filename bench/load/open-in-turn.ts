/** Number of handshakes at a time. */
const CONCURRENT_HANDSHAKES = 32;

/**
 * Opens connections, 32 at a time.
 *
 * @param open - opens the connection with a number, from 0
 */
export async function openInTurn(connections: number, open: (number: number) => Promise<void>): Promise<void> {
  let begun = 0;
  const openOthers = async (): Promise<void> => {
    while (begun < connections) await open(begun++);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_HANDSHAKES, connections) }, openOthers));
}
