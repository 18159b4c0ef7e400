/**
 * What `connect` of a class resolves to: an object of this class.
 *
 * @typeParam Class - the class that `connect` was called on: WebSocket, or a class that extends it
 * @typeParam Own - the object where the class is WebSocket itself
 */
export type Connected<Class, Own> = Class extends { readonly prototype: infer Instance }
  ? Own extends Instance
    ? Own
    : Instance
  : Own;
