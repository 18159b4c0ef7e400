import { FOREIGN_CALLBACKS, FOREIGN_EVENTS, FOREIGN_OPTIONS, type ForeignNames } from '../src/session/foreign-names.ts';

const OPTION_TITLES: Readonly<Record<keyof typeof FOREIGN_OPTIONS, string>> = {
  client: 'Options of `WebSocket`',
  server: 'Options of `WebSocketServer`',
  webServer: 'Settings of `WebServer`',
  reconnect: 'Settings of the option `reconnect`',
  compression: 'Settings of the option `compression`',
  send: 'Options of `send`',
  broadcast: 'Options of `broadcast`',
  accept: 'Options of `accept`',
  drain: 'Options of `drain`',
};

const CALLBACK_TITLES: Readonly<Record<keyof typeof FOREIGN_CALLBACKS, string>> = {
  client: 'Callbacks of a client',
  connection: "Callbacks of a server's connection",
  server: 'Callbacks of a server',
};

const INTRODUCTION = `# Names from other libraries

<!-- Written by \`npm run names:docs\` from src/session/foreign-names.ts. -->

Names that other WebSocket libraries and browsers use, with what to write here. This library knows them, and answers with
the name on the right.

- **An option** that does not exist is \`ERR_INVALID_OPTION\`. The message names what to use, or for a slip of the pen the
  option that is nearest: \`there is no option "maxMessageByte": did you mean "maxMessageBytes"?\`
- **A callback** that is never called may be a method of your own, so there is a warning and no error:
  \`process.emitWarning\` with the code \`4D_WEBSOCKET_UNKNOWN_CALLBACK\`, once for each class of handlers, and once in a
  process for plain objects; 10 times in a process at most. So it is with a callback that differs from one of ours in a
  letter, or in case (\`onmessage\`). The option \`warnings: false\` of the client or server turns it off.
- **A name such as \`message\` or \`close\`** counts as a callback only where a handler has none of ours. A handler without
  \`onMessage\` or \`onConnection\`, where that must be there, is \`ERR_INVALID_HANDLER\`, which names what it has instead.

`;

/** Renders the reference page of the names that other libraries use. */
export function renderForeignNames(): string {
  const options = Object.entries(FOREIGN_OPTIONS).map(([key, names]) =>
    section(OPTION_TITLES[key as keyof typeof FOREIGN_OPTIONS], names),
  );
  const callbacks = Object.entries(FOREIGN_CALLBACKS).map(([key, names]) =>
    section(CALLBACK_TITLES[key as keyof typeof FOREIGN_CALLBACKS], {
      ...names,
      ...FOREIGN_EVENTS[key as keyof typeof FOREIGN_EVENTS],
    }),
  );
  return INTRODUCTION + [...callbacks, ...options].join('\n');
}

function section(title: string, names: ForeignNames): string {
  const rows = Object.entries(names)
    .toSorted(([one], [other]) => (one.toLowerCase() < other.toLowerCase() ? -1 : 1))
    .map(([name, advice]) => `| \`${name}\` | ${advice} |\n`);
  return `## ${title}\n\n| there | here |\n| --- | --- |\n${rows.join('')}`;
}
