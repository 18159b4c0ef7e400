/**
 * A client for the shell. It sends each line that you type, and prints each message that arrives.
 *
 *     npm run example -- client                         connects to ws://127.0.0.1:8080/
 *     npm run example -- client ws://127.0.0.1:9000/
 *
 * Ctrl-D or Ctrl-C ends it.
 */
import { createInterface } from 'node:readline';
import { type MessageEvent, onErrCall, type TerminateEvent, WebSocket } from '4d-websocket';

class ShellHandler {
  onOpen(ws: WebSocket): void {
    console.log(`Connected to ${ws.url}. Type a line and press Enter; Ctrl-D ends.`);
  }

  onMessage(_ws: WebSocket, event: MessageEvent): void {
    // Control characters from others must not be able to control this terminal.
    console.log(`< ${event.data.replace(/\p{Cc}/gu, ' ')}`);
  }

  onTerminate(_ws: WebSocket, event: TerminateEvent): void {
    console.log(`Closed (${event.code})`);
    // An open stdin would keep the program running.
    process.stdin.destroy();
  }
}

onErrCall((errors) => {
  console.error(errors[0]?.message);
  process.exitCode = 1;
});

const ws = await WebSocket.new(process.argv[2] ?? 'ws://127.0.0.1:8080/', new ShellHandler());
if (ws !== null) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => ws.send(line));
  lines.on('close', () => ws.terminate());
  process.on('SIGINT', () => ws.terminate());
}
