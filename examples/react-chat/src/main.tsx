import { type FormEvent, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useWebSocket } from './use-web-socket.ts';

interface ChatMessage {
  readonly text: string;
}

// `npm run dev` serves the page on a port of its own; the server lets pages of this computer in.
const URL = import.meta.env.DEV ? 'ws://localhost:8080' : location.origin.replace('http', 'ws');

function Chat() {
  const [messages, setMessages] = useState<readonly ChatMessage[]>([]);
  const { status, send } = useWebSocket<ChatMessage>(URL, (message) => setMessages((all) => [...all, message]));

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    send({ text: new FormData(form).get('text') as string });
    form.reset();
  }

  return (
    <main>
      <p role="status">{status}</p>
      <ul role="log" aria-label="Messages">
        {messages.map(({ text }, index) => (
          <li key={index}>{text}</li>
        ))}
      </ul>
      <form onSubmit={submit}>
        <input name="text" aria-label="Message" autoComplete="off" required />
        <button>Send</button>
      </form>
    </main>
  );
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
