/** State of a connection, in 4D's words: `.status`. */
export type Status = 'Connecting' | 'Connected' | 'Closing' | 'Closed';
