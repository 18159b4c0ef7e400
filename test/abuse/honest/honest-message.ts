/** Text with characters of one, two and three bytes. */
const FILLER = 'All that a peer may cost is bounded. Größe, Zahl und Zeit: 10 €. '.repeat(20);
const MAX_FILLER_LENGTH = 1000;

/** Makes a unique message: the client, the number, and text of a length that follows from both. */
export function honestMessage(client: number, number: number): string {
  const start = (client + number) % 64;
  return `${client}.${number}.${FILLER.slice(start, start + ((client * 31 + number * 53) % MAX_FILLER_LENGTH))}`;
}
