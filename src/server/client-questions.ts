/** Answers to the frames `hist` and `who` of a client, and what a client is told when the broker fails. */
import { isFourDError } from '../errors.ts';
import type { CheckedFrame, FrameId, FrameProblem } from '../topics/frame-reader.ts';
import { askedMembersFrame, historyFrame, problemFrame } from '../topics/topic-frames.ts';
import { isUserEnd, ME, userTopic } from '../topics/user-topic.ts';
import type { FrameOwner } from './frame-owner.ts';

/** When a client may try again while the broker is away. */
const BROKER_RETRY_MS = 1000;

const PROBLEMS_OF_BROKER: Readonly<Partial<Record<string, Omit<FrameProblem, 'id' | 'topic'>>>> = {
  ERR_BROKER_DOWN: { code: 'broker-down', message: 'the broker is away', retryMs: BROKER_RETRY_MS },
  ERR_OUTBOX_FULL: { code: 'broker-down', message: 'the broker does not keep up', retryMs: BROKER_RETRY_MS },
  ERR_BROKER_FULL: { code: 'broker-full', message: 'the broker has no room' },
  ERR_BROKER_UNSUPPORTED: { code: 'unsupported', message: 'the broker cannot do this' },
};

/**
 * Tells a client that the broker has failed.
 *
 * @param refuseForNow - tells it in place of this function when the client may try again
 */
export function refuseOfBroker(
  owner: FrameOwner,
  id: FrameId,
  error: unknown,
  refuseForNow?: (problem: FrameProblem) => void,
): void {
  if (owner.hasEnded) return;
  const known = isFourDError(error) ? PROBLEMS_OF_BROKER[error.code] : undefined;
  const problem: FrameProblem = { id, ...(known ?? { code: 'failed', message: 'the server has failed' }) };
  if (problem.retryMs !== undefined && refuseForNow !== undefined) refuseForNow(problem);
  else owner.send(problemFrame(problem));
  if (known === undefined) owner.report('the broker', error);
}

/** Resolves when the client has read what was sent: who does not read long answers gets no further one. */
function onceReady(owner: FrameOwner): Promise<void> {
  return new Promise((resolve) => owner.onceReady(resolve));
}

/** Answers a `hist` frame, when the client can take the answer. Never rejects. */
export async function answerHistory(
  owner: FrameOwner,
  { topic, after, limit, id }: Extract<CheckedFrame, { readonly t: 'hist' }>,
): Promise<void> {
  if (!owner.isReady) await onceReady(owner);
  const subscription = owner.find(topic);
  if (subscription === undefined || subscription.grant?.history === false) {
    const message = subscription === undefined ? 'not subscribed' : 'the history is not granted';
    owner.send(problemFrame({ id, topic, code: 'denied', message }));
    return;
  }
  const log = topic === ME && owner.user !== undefined ? userTopic(owner.user) : topic;
  try {
    const { entries, hasMore } = await owner.host.port.history(log, after, limit);
    const shown = topic === ME ? entries.filter((entry) => !isUserEnd(entry)) : entries;
    if (!owner.hasEnded) owner.send(historyFrame(id, shown, hasMore));
  } catch (error) {
    refuseOfBroker(owner, id, error);
  }
}

/** Answers a `who` frame, when the client can take the answer. Never rejects. */
export async function answerMembers(
  owner: FrameOwner,
  { topic, id }: Extract<CheckedFrame, { readonly t: 'who' }>,
): Promise<void> {
  if (!owner.isReady) await onceReady(owner);
  const subscription = owner.find(topic);
  if (subscription?.isWatching !== true) {
    const message =
      subscription === undefined
        ? 'not subscribed'
        : 'seeing the members is not asked for, or not granted: presence { watch: true }';
    owner.send(problemFrame({ id, topic, code: 'denied', message }));
    return;
  }
  try {
    const members = await owner.host.port.presence.members(topic);
    if (!owner.hasEnded) owner.send(askedMembersFrame(topic, id, members));
  } catch (error) {
    refuseOfBroker(owner, id, error);
  }
}
