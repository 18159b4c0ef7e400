/** State of a connection, named as in 4D. */
export type Status = 'Connecting' | 'Connected' | 'Closing' | 'Closed';
