/**
 * The form in which messages arrive: `"text"` a string, `"blob"` bytes, `"object"` the result of JSON.parse, `"auto"` as
 * they were sent: a string for a text message, bytes for a binary one.
 */
export type DataType = 'text' | 'blob' | 'object' | 'auto';

/** A message for `send`: a string, bytes, or an object or array that is sent as JSON. */
export type SendableMessage = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView | object;
