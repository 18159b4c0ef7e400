import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';
import type {
  ClientChannelMessage,
  ConnectionChannelMessage,
  MessageChannelMessage,
  ServerChannelMessage,
} from '../../src/index.ts';
import { Inbox } from './inbox.ts';

interface Messages {
  client: ClientChannelMessage;
  server: ServerChannelMessage;
  connection: ConnectionChannelMessage;
  message: MessageChannelMessage;
}

type ChannelName = keyof Messages;

/** A message, behind the short name of its channel. */
export type Seen = { [Name in ChannelName]: readonly [Name, Messages[Name]] }[ChannelName];

/**
 * Collects what the channels publish, until the test is finished.
 *
 * @param hear - runs within each message
 */
export function watchChannels(names: readonly ChannelName[], hear: () => void = () => {}): Inbox<Seen> {
  const inbox = new Inbox<Seen>();
  for (const name of names) {
    const onMessage = (message: unknown): void => {
      inbox.push([name, message] as Seen);
      hear();
    };
    subscribe(`4d-websocket:${name}`, onMessage);
    onTestFinished(() => void unsubscribe(`4d-websocket:${name}`, onMessage));
  }
  return inbox;
}
