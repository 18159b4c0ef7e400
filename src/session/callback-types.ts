/** Types that find a misspelt callback. Nothing here runs: `callback-warnings.ts` does the same for JavaScript. */

/** Callbacks of other libraries, in lower case, with the name here. */
interface ForeignCallbacks {
  readonly onclose: 'onTerminate';
  readonly onclosed: 'onTerminate';
  readonly onconnected: 'onOpen';
  readonly ondata: 'onMessage';
  readonly ondisconnect: 'onTerminate';
  readonly onend: 'onTerminate';
  readonly onopened: 'onOpen';
}

/** The names of the callbacks of a connection, and those of a server. */
export type ConnectionCallback =
  | 'onOpen'
  | 'onMessage'
  | 'onDrain'
  | 'onError'
  | 'onTerminate'
  | 'onSubscribe'
  | 'onPublish'
  | 'onUnsubscribe'
  | 'onRequest';
export type ServerCallback = 'onOpen' | 'onConnection' | 'onRefuse' | 'onError' | 'onTerminate';

/** What two texts end with, behind the letters that they begin with alike. */
type Rests<One extends string, Other extends string> = One extends `${infer Letter}${infer OneRest}`
  ? Other extends `${Letter}${infer OtherRest}`
    ? Rests<OneRest, OtherRest>
    : [One, Other]
  : [One, Other];

type Tail<Text> = Text extends `${string}${infer Rest}` ? Rest : '';

type IsSame<One, Other> = [One, Other] extends [Other, One] ? true : false;

type IsSwapped<One, Other> = One extends `${infer First}${infer Second}${infer Rest}`
  ? IsSame<Other, `${Second}${First}${Rest}`>
  : false;

/** Whether one letter is wrong, missing, too many, or swapped with the next. Case does not count. */
type IsNear<One extends string, Other extends string> =
  Rests<Lowercase<One>, Lowercase<Other>> extends [infer X, infer Y]
    ? true extends IsSame<X, Y> | IsSame<Tail<X>, Tail<Y>> | IsSame<Tail<X>, Y> | IsSame<X, Tail<Y>> | IsSwapped<X, Y>
      ? true
      : false
    : false;

/** The callback that somebody meant who wrote `Name`; never for a callback, and for a name of the user's own. */
type Meant<Name, Known extends string> = Name extends Known
  ? never
  : Name extends string
    ? Lowercase<Name> extends keyof ForeignCallbacks
      ? ForeignCallbacks[Lowercase<Name>]
      : { [K in Known]: IsNear<Name, K> extends true ? K : never }[Known]
    : never;

/** The name of a member that is a function, or may be one. */
type FunctionName<Handler, Name extends keyof Handler> = [
  Extract<Handler[Name], (...parameters: never) => unknown>,
] extends [never]
  ? never
  : Name;

/** A sentence for each function of a handler that has a misspelt name; never when there is none. */
export type Misspelling<Handler, Known extends string> = {
  [Name in keyof Handler & string]: [Meant<FunctionName<Handler, Name>, Known>] extends [never]
    ? never
    : `${Name} is never called: did you mean ${Meant<Name, Known>}?`;
}[keyof Handler & string];
