import type { MessageGuard } from './callback-queue.ts';
import type { CheckedOptions } from './common-options.ts';
import type { DataType } from './message-types.ts';
import type { ObservedSettings } from './observing.ts';
import type { OutgoingValidation } from './validation.ts';

/** Settings of a session. All connections of a server share one object. */
export interface SessionSettings extends ObservedSettings {
  readonly dataType: DataType;
  readonly limits: CheckedOptions;
  /** Undefined where messages reach onMessage as they are. */
  readonly messageGuard?: MessageGuard | undefined;
  /** Undefined where messages are sent as they are. */
  readonly outgoing?: OutgoingValidation | undefined;
}
