/**
 * A client of the chat for the shell, beside the page for the browser. It sends each line that you type.
 *
 *     npm run example -- chat-client                              connects to ws://127.0.0.1:8080/
 *     npm run example -- chat-client ws://127.0.0.1:8081/ Ann     another port, and your name
 *
 * It works with the chat of `npm start` and with E6. You should see who says what, comes and goes. Ctrl-D or Ctrl-C
 * ends it.
 */
import { createInterface } from 'node:readline';
import { type MessageEvent, onErrCall, type TerminateEvent, WebSocket } from '4d-websocket';

/** A message from the chat. */
interface ChatMessage {
  readonly type: 'welcome' | 'joined' | 'left' | 'renamed' | 'message';
  readonly who?: { readonly name: string };
  readonly from?: string;
  readonly name?: string;
  readonly text?: string;
  readonly present?: readonly { readonly name: string }[];
}

class ChatHandler {
  readonly dataType = 'object';

  onMessage(_ws: WebSocket<ChatMessage>, event: MessageEvent<ChatMessage>): void {
    // Control characters from others must not be able to control this terminal.
    console.log(toLine(event.data).replace(/\p{Cc}/gu, ' '));
  }

  onTerminate(_ws: WebSocket<ChatMessage>, event: TerminateEvent): void {
    console.log(`The chat is over (${event.code})`);
    // An open stdin would keep the program running.
    process.stdin.destroy();
  }
}

function toLine({ type, who, from, name, text, present = [] }: ChatMessage): string {
  switch (type) {
    case 'welcome':
      return `You are ${who?.name}. Here: ${present.map((guest) => guest.name).join(', ')}. Type a line; Ctrl-D ends.`;
    case 'joined':
      return `* ${who?.name} joined (${present.length} here)`;
    case 'left':
      return `* ${who?.name} left (${present.length} here)`;
    case 'renamed':
      return `* ${from} is now ${who?.name}`;
    case 'message':
      return `${name}: ${text}`;
    default:
      return '';
  }
}

onErrCall((errors) => {
  console.error(errors[0]?.message);
  process.exitCode = 1;
});

const [url = 'ws://127.0.0.1:8080/', name = ''] = process.argv.slice(2);
const ws = await WebSocket.new<ChatMessage>(`${url}?name=${encodeURIComponent(name)}`, new ChatHandler());
if (ws !== null) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (text) => ws.send({ text }));
  lines.on('close', () => ws.terminate());
  process.on('SIGINT', () => ws.terminate());
}
