import { createPair, matchers } from '4d-websocket/testing';
import { expect, onTestFinished, test } from 'vitest';
import { chat } from './chat.cjs';

expect.extend(matchers);

test('everybody hears what somebody says, and who leaves', async () => {
  const pair = await createPair(chat, null, { client: { path: '/?name=Ann' } });
  onTestFinished(() => pair.end());
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
