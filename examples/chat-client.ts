/**
 * A client of the chat for the shell, beside the page for the browser. It sends each line that you type.
 *
 *     npm run example -- chat-client                                    connects to ws://127.0.0.1:8080/
 *     npm run example -- chat-client ws://127.0.0.1:8081/ Ann           another port, and your name
 *     npm run example -- chat-client ws://127.0.0.1:8081/ Ann books     another room than the lobby
 *
 * It works with the chat of `npm start`, whose rooms are topics, and with E6, which has no topics. You should see who says
 * what, comes and goes, and with the chat what was said before, and what you missed while it was away. Ctrl-D or Ctrl-C
 * ends it.
 */
import { createInterface } from 'node:readline';
import {
  type FourDError,
  type Member,
  type MembersEvent,
  type MessageEvent,
  onErrCall,
  type RefusedEvent,
  type SubscribedEvent,
  type Subscription,
  type TerminateEvent,
  type TopicHandler,
  type TopicMessageEvent,
  WebSocket,
} from '4d-websocket';

interface Person {
  readonly id: unknown;
  readonly name: string;
}

/** A message that belongs to no room: the chat sends `welcome` only, E6 all of them. */
interface ChatMessage {
  readonly type: 'welcome' | 'joined' | 'left' | 'message';
  readonly who?: Person;
  readonly name?: string;
  readonly text?: string;
  readonly present?: readonly Person[];
}

/** What is said in a room. */
interface Said {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

/** Who I am, as the server said. */
let me: Person | undefined;
/** Undefined with E6. */
let room: Subscription<Said> | undefined;

function print(line: string): void {
  // Control characters from others must not be able to control this terminal.
  console.log(line.replace(/\p{Cc}/gu, ' '));
}

class ChatHandler {
  readonly dataType = 'object';

  onMessage(_ws: WebSocket<ChatMessage>, event: MessageEvent<ChatMessage>): void {
    const { type, who, name, text, present } = event.data;
    if (type === 'welcome') {
      if (me === undefined) print(`You are ${who?.name}. Type a line; Ctrl-D ends.`);
      if (present !== undefined) printPresent(present.map((person) => person.name));
      me = who;
    }
    if (type === 'joined') print(`* ${who?.name} joined (${present?.length} here)`);
    if (type === 'left') print(`* ${who?.name} left (${present?.length} here)`);
    if (type === 'message') print(`${name}: ${text}`);
  }

  onDisconnect(): void {
    print('* Connection lost: reconnecting');
  }

  onTerminate(_ws: WebSocket<ChatMessage>, event: TerminateEvent): void {
    print(`The chat is over (${event.code})`);
    // An open stdin would keep the program running.
    process.stdin.destroy();
  }
}

class RoomHandler implements TopicHandler<Said> {
  readonly #names = new Map<unknown, string>();

  onSubscribed(_subscription: Subscription<Said>, { state, missed }: SubscribedEvent): void {
    if (state === 'recovered') print(`* You are back: ${missed} messages while you were away`);
  }

  async onGap(subscription: Subscription<Said>): Promise<void> {
    print('* You are back, but the chat has lost what was said before: you may have missed something');
    const { messages } = await subscription.history();
    for (const { data } of messages) printSaid(data);
  }

  onMessage(_subscription: Subscription<Said>, { data }: TopicMessageEvent<Said>): void {
    printSaid(data);
  }

  onMembers(_subscription: Subscription<Said>, { list }: MembersEvent): void {
    this.#names.clear();
    for (const member of list) this.#names.set(member.id, nameOf(member));
    // The list may be older than my arrival.
    if (me !== undefined) this.#names.set(me.id, me.name);
    printPresent([...this.#names.values()]);
  }

  onJoin(_subscription: Subscription<Said>, member: Member): void {
    const [before, name] = [this.#names.get(member.id), nameOf(member)];
    this.#names.set(member.id, name);
    if (member.id === me?.id) return;
    print(before === undefined ? `* ${name} joined (${this.#names.size} here)` : `* ${before} is now ${name}`);
  }

  onLeave(_subscription: Subscription<Said>, member: Member): void {
    this.#names.delete(member.id);
    print(`* ${nameOf(member)} left (${this.#names.size} here)`);
  }

  onRefused(_subscription: Subscription<Said>, { message }: RefusedEvent): void {
    print(`* You cannot enter this room: ${message}`);
  }
}

function printSaid({ id, name, text }: Said): void {
  print(`${id === me?.id ? 'Me' : name}: ${text}`);
}

function nameOf({ info }: Member): string {
  return (info as { readonly name: string }).name;
}

function printPresent(names: readonly string[]): void {
  print(`* Here: ${names.join(', ')}`);
}

async function say(ws: WebSocket<ChatMessage>, text: string): Promise<void> {
  try {
    if (room === undefined) ws.send({ text });
    else await room.publish({ text });
  } catch (error) {
    const { message, stored } = error as FourDError;
    const problem = stored === 'unknown' ? 'Nobody knows whether this was said' : 'This was not said';
    print(`* ${problem}: ${text} (${message})`);
  }
}

onErrCall((errors) => {
  console.error(errors[0]?.message);
  process.exitCode = 1;
});

const [url = 'ws://127.0.0.1:8080/', name = '', roomName = 'lobby'] = process.argv.slice(2);
const ws = await WebSocket.new<ChatMessage>(`${url}?name=${encodeURIComponent(name)}`, new ChatHandler(), {
  topics: true,
  reconnect: true,
});
if (ws !== null) {
  const options = { since: { last: 20 }, presence: { show: true, watch: true } } as const;
  // E6 chooses no subprotocol.
  if (ws.protocol !== '') room = ws.subscribe(`room/${roomName}`, new RoomHandler(), options);
  let lastSaid = Promise.resolve();
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (text) => {
    lastSaid = say(ws, text);
  });
  lines.on('close', () => void lastSaid.then(() => ws.terminate()));
  process.on('SIGINT', () => ws.terminate());
}
