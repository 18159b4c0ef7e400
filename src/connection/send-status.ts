/**
 * The result of a send. `'sent'`: the message leaves with this turn of the event loop. `'queued'`: the message
 * leaves later, because the peer does not keep up or because the message is being compressed in another thread.
 * `'dropped'`: the message is not sent.
 */
export type SendStatus = 'sent' | 'queued' | 'dropped';
