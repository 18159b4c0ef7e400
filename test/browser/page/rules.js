/**
 * The rules that a browser can satisfy. Each runs in a page, with the client as it is built, against a server of the
 * library: see rule-server.ts. Node reads the titles only.
 */

function equal(actual, expected) {
  const [a, b] = [actual, expected].map((value) =>
    JSON.stringify(value, (_, each) => (each === undefined ? '(undefined)' : each)),
  );
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

/** A handler that notes its callbacks. */
function record(members = {}) {
  const handler = { seen: [], events: [], ...members };
  handler.terminated = new Promise((resolve) => {
    for (const name of ['onOpen', 'onMessage', 'onDisconnect', 'onReconnect', 'onError', 'onTerminate']) {
      handler[name] = function (ws, event) {
        if (this !== handler) throw new Error('this is not the handler');
        handler.seen.push(name === 'onMessage' ? event.data : name);
        handler.events.push(event);
        handler.last?.();
        const result = members[name]?.call(handler, ws, event);
        if (name === 'onTerminate') resolve(event);
        return result;
      };
    }
  });
  /** Resolves when as many callbacks have run. */
  handler.until = (count) =>
    new Promise((resolve) => {
      handler.last = () => handler.seen.length >= count && resolve();
      handler.last();
    });
  return handler;
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('no error');
}

function thrownBy(act) {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

let lastName = 0;

/** A name for a connection. */
function newName() {
  return `${Date.now()}-${++lastName}`;
}

/** How the server saw a connection end. */
async function endOf({ WebSocket, url }, name) {
  const handler = record();
  const ws = await WebSocket.connect(url, handler);
  ws.send(`!ended ${name}`);
  await handler.until(2);
  ws.terminate();
  return handler.seen[1];
}

export const rules = {
  async '4D-001 new gives a WebSocket that is Connected'({ WebSocket, url }) {
    const ws = await WebSocket.new(url, record());
    equal(ws.status, 'Connected');
    ws.terminate();
  },
  async '4D-002 onOpen has run when new hands the object over'({ WebSocket, url }) {
    const handler = record({ onOpen: () => new Promise((resolve) => setTimeout(resolve, 20)) });
    const ws = await WebSocket.new(url, handler);
    equal(handler.seen, ['onOpen']);
    ws.terminate();
  },
  async '4D-003 onOpen gets the object and the event'({ WebSocket, url }) {
    let given;
    const ws = await WebSocket.new(url, { onOpen: (...args) => (given = args) });
    equal([given[0] === ws, given[1]], [true, { type: 'open' }]);
    ws.terminate();
  },
  async '4D-004 send works inside onOpen'({ WebSocket, url }) {
    const handler = record({ onOpen: (ws) => void ws.send('early') });
    await WebSocket.new(url, handler);
    await handler.until(2);
    equal(handler.seen, ['onOpen', 'early']);
  },
  async '4D-010 a refused port rejects with a FourDError'({ WebSocket, FourDError }) {
    const error = await errorOf(WebSocket.new('ws://127.0.0.1:1', record()));
    equal(error instanceof FourDError, true);
    equal([error.errCode, typeof error.message, error.componentSignature], [1006, 'string', 'HTCL']);
  },
  async '4D-011 a failing new runs no callback; the constructor runs onError, then onTerminate'({ WebSocket, url }) {
    const [silent, handler] = [record(), record()];
    await errorOf(WebSocket.new(`${url}?refuse=403`, silent));
    const ws = new WebSocket(`${url}?refuse=403`, handler);
    equal((await handler.terminated).code, 1006);
    equal([await ws.ready, handler.seen, silent.seen], [null, ['onError', 'onTerminate'], []]);
  },
  async '4D-014 a URL that is none is an error'({ WebSocket, url }) {
    for (const wrong of [url.replace('ws:', 'http:'), '', 'ws://', `${url}/#a`]) {
      equal((await errorOf(WebSocket.new(wrong, record()))).code, 'ERR_INVALID_URL');
    }
  },
  async '4D-020 properties cannot be changed'({ WebSocket, url }) {
    const ws = await WebSocket.new(url, null);
    for (const name of ['dataType', 'handler', 'id', 'status', 'url']) thrownBy(() => (ws[name] = 'other'));
    equal([ws.dataType, ws.handler, ws.status, ws.url, Number.isInteger(ws.id)], ['text', {}, 'Connected', url, true]);
    ws.terminate();
  },
  async '4D-028 the order is onOpen, onMessage, onError, onTerminate'({ WebSocket, url }) {
    const handler = record({ onMessage: () => new Promise((resolve) => setTimeout(resolve, 20)) });
    const ws = await WebSocket.connect(url, handler);
    for (const text of ['a', 'b']) ws.send(text);
    await handler.until(3);
    // Behind the callback of "b", which is not over.
    ws.send('!cut');
    await handler.terminated;
    equal(handler.seen, ['onOpen', 'a', 'b', 'onError', 'onTerminate']);
  },
  async '4D-033 4D-034 4D-035 4D-036 the server sees code and reason of terminate'(tools) {
    const { WebSocket, url } = tools;
    for (const { given, seen } of [
      { given: [], seen: '1000' },
      { given: [1000, 'bye'], seen: '1000 bye' },
      { given: [3000, 'x'], seen: '3000 x' },
      { given: [4999, 'y'], seen: '4999 y' },
      { given: [3500], seen: '3500' },
      { given: [4000, '€'.repeat(50)], seen: `4000 ${'€'.repeat(41)}` },
    ]) {
      const name = newName();
      const handler = record();
      const ws = await WebSocket.connect(`${url}?name=${name}`, handler);
      ws.terminate(...given);
      equal([ws.status, handler.seen], ['Closing', ['onOpen']]);
      equal(await endOf(tools, name), seen);
      equal([(await handler.terminated).wasClean, ws.status], [true, 'Closed']);
    }
  },
  async '4D-037 other close codes are an error'({ WebSocket, url }) {
    const ws = await WebSocket.connect(url);
    for (const code of [1001, 2999, 5000, 1000.5]) {
      equal(thrownBy(() => ws.terminate(code)).code, 'ERR_INVALID_CLOSE_ARGUMENT');
    }
    equal(ws.status, 'Connected');
    ws.terminate();
  },
  async '4D-041 the server closes with a code and a reason'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    ws.send('!close 4001 kicked');
    const { code, reason, wasClean, cause } = await handler.terminated;
    equal([code, reason, wasClean, cause], [4001, 'kicked', true, 'peer-closed']);
    equal(handler.seen, ['onOpen', 'onTerminate']);
  },
  async '4D-043 4D-049 a connection that is cut gives onError with one item'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    ws.send('!cut');
    const { code, wasClean } = await handler.terminated;
    const { errors } = handler.events[1];
    equal([code, wasClean, errors.length], [1006, false, 1]);
    equal([errors[0].errCode, typeof errors[0].message, errors[0].componentSignature], [1006, 'string', 'HTCL']);
  },
  async '4D-047 no onMessage after terminate'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    ws.send('late');
    ws.terminate();
    await handler.terminated;
    equal(handler.seen, ['onOpen', 'onTerminate']);
  },
  async '4D-082 a message right after the handshake arrives after onOpen'({ WebSocket, url }) {
    const handler = record({ onOpen: () => new Promise((resolve) => setTimeout(resolve, 50)) });
    await WebSocket.connect(`${url}?greet=hello`, handler);
    await handler.until(2);
    equal(handler.seen, ['onOpen', 'hello']);
  },
  async '4D-117 4D-118 4D-119 4D-120 texts, bytes and objects arrive'({ WebSocket, url }) {
    const handler = record({ dataType: 'auto' });
    const ws = await WebSocket.connect(url, handler);
    for (const message of ['é€😀', Uint8Array.of(1, 2), Uint8Array.of(3).buffer, { a: [1] }, '', new Uint8Array()])
      ws.send(message);
    await handler.until(7);
    equal(handler.seen.slice(1), ['é€😀', Uint8Array.of(1, 2), Uint8Array.of(3), '{"a":[1]}', '', new Uint8Array()]);
    ws.terminate();
  },
  async '4D-121 4D-124 dataType "text" gives strings'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    for (const message of ['a', Uint8Array.of(0xc3, 0xa9)]) ws.send(message);
    await handler.until(3);
    equal(handler.seen.slice(1), ['a', 'é']);
    ws.terminate();
  },
  async '4D-122 4D-125 dataType "blob" gives bytes'({ WebSocket, url }) {
    const handler = record({ dataType: 'blob' });
    const ws = await WebSocket.connect(url, handler);
    for (const message of ['é', Uint8Array.of(1)]) ws.send(message);
    await handler.until(3);
    equal(handler.seen.slice(1), [Uint8Array.of(0xc3, 0xa9), Uint8Array.of(1)]);
    ws.terminate();
  },
  async '4D-123 4D-126 4D-127 dataType "object" gives what JSON holds'({ WebSocket, url }) {
    const handler = record({ dataType: 'object' });
    const ws = await WebSocket.connect(url, handler);
    for (const message of [{ a: 1 }, [1, 2], '42', new TextEncoder().encode('{"b":2}')]) ws.send(message);
    await handler.until(5);
    equal(handler.seen.slice(1), [{ a: 1 }, [1, 2], 42, { b: 2 }]);
    ws.terminate();
  },
  async '4D-128 invalid JSON ends the connection; the server sees 4007'(tools) {
    const name = newName();
    const handler = record({ dataType: 'object' });
    const ws = await tools.WebSocket.connect(`${tools.url}?name=${name}`, handler);
    ws.send('nonsense');
    await handler.terminated;
    equal([handler.seen, handler.events[1].error.errCode], [['onOpen', 'onError', 'onTerminate'], 1007]);
    equal(await endOf(tools, name), '4007');
  },
  async '4D-131 4D-132 what is no message is an error, and the socket stays open'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    const cyclic = {};
    cyclic.self = cyclic;
    for (const message of [undefined, null, 5, true, cyclic, new Map(), new Blob(['a'])]) {
      equal(thrownBy(() => ws.send(message)).code, 'ERR_INVALID_MESSAGE');
    }
    ws.send('still here');
    await handler.until(2);
    equal(handler.seen, ['onOpen', 'still here']);
    ws.terminate();
  },
  async '4D-133 send while Closing or Closed neither sends nor throws'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    ws.terminate();
    equal(ws.send('a'), 'dropped');
    await handler.terminated;
    equal(ws.send(undefined), 'dropped');
  },
  async '4D-134 a thousand messages arrive in order'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    const texts = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
    for (const text of texts) ws.send(text);
    await handler.until(1001);
    equal(handler.seen.slice(1), texts);
    ws.terminate();
  },
  async '4D-168 a failing callback ends its own connection; the server sees 4011'(tools) {
    const name = newName();
    const [handler, other] = [record({ onMessage: () => Promise.reject(new Error('oops')) }), record()];
    const ws = await tools.WebSocket.connect(`${tools.url}?name=${name}`, handler);
    const otherSocket = await tools.WebSocket.connect(tools.url, other);
    ws.send('a');
    ws.send('b');
    await handler.terminated;
    equal([handler.seen, handler.events[2].errors[0].errCode], [['onOpen', 'a', 'onError', 'onTerminate'], 1011]);
    equal([await endOf(tools, name), otherSocket.status], ['4011', 'Connected']);
    otherSocket.terminate();
  },
  async '4D-200 with reconnect the first connection is tried again too'({ WebSocket, url }) {
    const ws = await WebSocket.connect(`${url}?refuseOnce=${newName()}`, record(), { reconnect: { minDelayMs: 10 } });
    equal(ws.status, 'Connected');
    ws.terminate();
  },
  async '4D-210 4D-211 isBinary tells how a message came, and events cannot be changed'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler);
    ws.send('a');
    ws.send(Uint8Array.of(98));
    await handler.until(3);
    equal(
      handler.events.slice(1).map(({ data, isBinary }) => [data, isBinary]),
      [
        ['a', false],
        ['b', true],
      ],
    );
    equal(Object.isFrozen(handler.events[0]), true);
    ws.terminate();
  },
  async '4D-217 destroy does not wait for the server'({ WebSocket, url }) {
    const handler = record();
    (await WebSocket.connect(url, handler)).destroy();
    const { code, cause } = await handler.terminated;
    equal([code, cause, handler.seen], [1006, 'local', ['onOpen', 'onTerminate']]);
  },
  async '4D-223 4D-226 a lost connection comes back, and what waited is sent once and in order'({ WebSocket, url }) {
    const handler = record();
    const ws = await WebSocket.connect(url, handler, { reconnect: { minDelayMs: 50, maxDelayMs: 50 } });
    ws.send('!cut');
    await handler.until(2);
    equal([ws.status, ws.send('a'), ws.send('b')], ['Connecting', 'queued', 'queued']);
    await handler.until(5);
    equal(handler.seen, ['onOpen', 'onDisconnect', 'onReconnect', 'a', 'b']);
    ws.reconnect();
    await handler.until(handler.seen.length + 2);
    equal(handler.seen.slice(5), ['onDisconnect', 'onReconnect']);
    ws.terminate();
    const { unsentMessages } = await handler.terminated;
    equal(unsentMessages, []);
  },
  async '4D-224 a refusal with a close code tells a page why'({ WebSocket, url }) {
    const handler = record();
    equal(new WebSocket(`${url}?closeCode=4401`, handler).status, 'Connecting');
    const { code, reason } = await handler.terminated;
    equal([code, reason], [4401, 'sign in']);
  },
  async 'a server that goes silent is found by a message that it does not answer, and the client connects again'(
    tools,
  ) {
    const { WebSocket, url } = tools;
    const controls = record();
    const control = await WebSocket.connect(url, controls);
    control.send('!proxy');
    await controls.until(2);
    const handler = record();
    const ws = await WebSocket.connect(controls.seen[1], handler, {
      reconnect: { minDelayMs: 10 },
      pingIntervalMs: 100,
      pongTimeoutMs: 1000,
      pingMessage: 'there?',
    });
    await handler.until(3);
    equal(handler.seen, ['onOpen', 'there?', 'there?']);
    control.send('!stall');
    while (!handler.seen.includes('onReconnect')) await handler.until(handler.seen.length + 1);
    equal(handler.events.find(({ type }) => type === 'disconnect').cause, 'heartbeat');
    ws.terminate();
    control.terminate();
  },
  async 'the page makes way for the back/forward cache, and connects when it is back'(tools) {
    const name = newName();
    const handler = record();
    await tools.WebSocket.connect(`${tools.url}?name=${name}`, handler, { reconnect: true });
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    await endOf(tools, name);
    equal(handler.seen, ['onOpen', 'onDisconnect']);
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    await handler.until(3);
    equal(handler.seen, ['onOpen', 'onDisconnect', 'onReconnect']);
  },
};
