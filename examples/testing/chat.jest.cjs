'use strict';
const { createPair, matchers } = require('4d-websocket/testing');
const { chat } = require('./chat.cjs');

expect.extend(matchers);

let pair;
afterEach(() => pair?.end());

test('everybody hears what somebody says, and who leaves', async () => {
  pair = await createPair(chat, null, { client: { path: '/?name=Ann' } });
  const bob = await pair.connect(null, { path: '/?name=Bob' });
  pair.client.send('hello');
  expect(await bob.nextMessage()).toBe('Ann: hello');
  pair.line.cut();
  expect(await bob.nextMessage()).toBe('Ann has left');
  expect(pair.connection).toHaveEnded({ cause: 'peer-reset' });
});

test('nobody gets in without a name', async () => {
  await expect(createPair(chat)).rejects.toMatchObject({ httpStatus: 401 });
});
