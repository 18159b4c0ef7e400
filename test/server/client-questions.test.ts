import { expect, test } from 'vitest';
import { answerHistory, answerMembers } from '../../src/server/client-questions.ts';
import type { FrameOwner } from '../../src/server/frame-owner.ts';

/** A connection whose client does not read. */
function slowOwner(sent: unknown[]): { readonly owner: FrameOwner; readonly read: (isSubscribed: boolean) => void } {
  let onReady: (() => void) | undefined;
  let isSubscribed = true;
  const members = { count: 1, list: [] };
  const owner = {
    isReady: false,
    hasEnded: false,
    onceReady: (callback: () => void) => void (onReady = callback),
    find: () => (isSubscribed ? { isWatching: true } : undefined),
    send: (frame: string) => void sent.push(JSON.parse(frame)),
    host: {
      port: {
        history: () => Promise.resolve({ entries: [], hasMore: true }),
        presence: { members: () => Promise.resolve(members) },
      },
    },
  };
  return {
    owner: owner as unknown as FrameOwner,
    read: (isStill) => {
      isSubscribed = isStill;
      onReady?.();
    },
  };
}

test.each([
  ['hist', { t: 'hist', id: 1, msgs: [], more: true }],
  ['who', { t: 'who', topic: 'a', id: 1, count: 1 }],
] as const)('a client that does not read gets no %s before it does, nor when it may not by then', async (t, answer) => {
  const ask = (owner: FrameOwner): Promise<void> =>
    t === 'hist'
      ? answerHistory(owner, { t, topic: 'a', after: undefined, limit: 500, id: 1 })
      : answerMembers(owner, { t, topic: 'a', id: 1 });
  for (const [isSubscribed, expected] of [
    [true, answer],
    [false, { t: 'err', topic: 'a', id: 1, code: 'denied', message: 'not subscribed' }],
  ] as const) {
    const sent: unknown[] = [];
    const { owner, read } = slowOwner(sent);
    const answered = ask(owner);
    await Promise.resolve();
    expect(sent).toEqual([]);
    read(isSubscribed);
    await answered;
    expect(sent).toEqual([expected]);
  }
});
