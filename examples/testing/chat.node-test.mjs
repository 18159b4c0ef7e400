import assert from 'node:assert';
import { test } from 'node:test';
import { assertEnded, createPair } from '4d-websocket/testing';
import { chat } from './chat.cjs';

test('everybody hears what somebody says, and who leaves', async (t) => {
  const pair = await createPair(chat, null, { client: { path: '/?name=Ann' } });
  t.after(() => pair.end());
  const bob = await pair.connect(null, { path: '/?name=Bob' });
  pair.client.send('hello');
  assert.equal(await bob.nextMessage(), 'Ann: hello');
  pair.line.cut();
  assert.equal(await bob.nextMessage(), 'Ann has left');
  assertEnded(pair.connection, { cause: 'peer-reset' });
});

test('nobody gets in without a name', async () => {
  await assert.rejects(createPair(chat), { httpStatus: 401 });
});
