/**
 * Runs an example with its 'upgrade' listeners in reverse order, as if what it attaches first had been attached last.
 *
 * Arguments: the path of the example, from the root of the project.
 */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Listener = Parameters<EventEmitter['on']>[1];

// Bound at each call.
// oxlint-disable-next-line typescript/unbound-method
const { on, prependListener } = EventEmitter.prototype;
EventEmitter.prototype.on = function onOrPrepend(this: EventEmitter, name: string | symbol, listener: Listener) {
  return (name === 'upgrade' ? prependListener : on).call(this, name, listener);
};

await import(pathToFileURL(join(import.meta.dirname, '../..', process.argv[2] as string)).href);
