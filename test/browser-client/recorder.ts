import type { DataType, WebSocketHandler } from '../../src/browser.ts';

/** An event as its callback saw it. */
export type Seen = readonly [name: string, event: Readonly<Record<string, unknown>>];

/** A handler that notes its callbacks, without their errors. */
export class Recorder implements WebSocketHandler<unknown> {
  readonly seen: Seen[] = [];
  readonly dataType: DataType;
  /** What the callback of this name does besides. */
  readonly acts: Record<string, () => unknown> = {};

  constructor(dataType: DataType = 'text') {
    this.dataType = dataType;
  }

  get names(): string[] {
    return this.seen.map(([name, { data }]) => (name === 'message' ? `message ${String(data)}` : name));
  }

  /** The last event of a kind. */
  last(name: string): Readonly<Record<string, unknown>> | undefined {
    return this.seen.findLast(([each]) => each === name)?.[1];
  }

  #note(event: object): unknown {
    const { type } = event as { type: string };
    this.seen.push([type, event as Record<string, unknown>]);
    return this.acts[type]?.();
  }

  onOpen = (_: unknown, event: object): unknown => this.#note(event);
  onMessage = (_: unknown, event: object): unknown => this.#note(event);
  onDrain = (_: unknown, event: object): unknown => this.#note(event);
  onDisconnect = (_: unknown, event: object): unknown => this.#note(event);
  onReconnect = (_: unknown, event: object): unknown => this.#note(event);
  onError = (_: unknown, event: object): unknown => this.#note(event);
  onTerminate = (_: unknown, event: object): unknown => this.#note(event);
}
