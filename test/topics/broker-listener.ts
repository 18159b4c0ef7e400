import type { BrokerSink, Entry, Place } from '../../src/topics/broker.ts';

/** An entry as it was announced. */
export interface Heard {
  readonly topic: string;
  readonly epoch: string;
  readonly entry: Entry;
}

/** Keeps all that a broker announces. */
export class BrokerListener implements BrokerSink {
  readonly heard: Heard[] = [];
  readonly doubts: (readonly string[] | 'all')[] = [];
  readonly states: ('up' | 'down')[] = [];
  #waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];

  onEntry(topic: string, epoch: string, entry: Entry): void {
    this.heard.push({ topic, epoch, entry });
    this.#wake();
  }

  onDoubt(topics: readonly string[] | 'all'): void {
    this.doubts.push(topics);
    this.#wake();
  }

  onState(state: 'up' | 'down'): void {
    this.states.push(state);
    this.#wake();
  }

  /** Resolves when a condition on what was heard is true. */
  async until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ isTrue, resolve });
    });
  }

  entriesOf(topic: string): Entry[] {
    return this.heard.filter((heard) => heard.topic === topic).map(({ entry }) => entry);
  }

  textsOf(topic: string): string[] {
    return texts(this.entriesOf(topic));
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ isTrue, resolve }) => {
      if (!isTrue()) return true;
      resolve();
      return false;
    });
  }
}

export function texts(entries: readonly Entry[]): string[] {
  return entries.map(({ bytes }) => bytes.toString());
}

export function placesOf(entries: readonly Place[]): Place[] {
  return entries.map(({ offset, tag }) => ({ offset, tag }));
}
