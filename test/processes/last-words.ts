/** A client that sends and ends its process in the same turn: `tsx last-words.ts <url>`. Prints what send() said. */
import { WebSocket } from '../../src/index.ts';

const ws = await WebSocket.new(process.argv[2]!, {}, { tls: { rejectUnauthorized: false } });
// Less than what leaves within the turn in any case.
const said = [ws!.send('last words'), ws!.send('x'.repeat(30_000)), ws!.send(Buffer.alloc(20_000, 'y'))];
process.stdout.write(`${said.join(' ')}\n`);
process.exit();
