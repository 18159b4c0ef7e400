import { useCallback, useEffect, useRef, useState } from 'react';
import { type Status, WebSocket } from '4d-websocket/browser';

interface Connection<T> {
  readonly status: Status;
  readonly send: (message: T & object) => void;
}

/** Keeps a connection open while a component is shown, and connects again when it is lost. Messages are objects. */
export function useWebSocket<T>(url: string, onMessage: (message: T) => void): Connection<T> {
  const [status, setStatus] = useState<Status>('Connecting');
  const socket = useRef<WebSocket<T>>(null);
  const latest = useRef(onMessage);
  useEffect(() => void (latest.current = onMessage));

  useEffect(() => {
    const show = (ws: WebSocket<T>) => ws === socket.current && setStatus(ws.status);
    const callbacks = { onOpen: show, onDisconnect: show, onReconnect: show, onTerminate: show };
    const handler = {
      dataType: 'object',
      onMessage: (_: unknown, { data }: { data: T }) => latest.current(data),
    } as const;
    const ws = new WebSocket<T>(url, { ...callbacks, ...handler }, { reconnect: true, connectTimeoutMs: Infinity });
    socket.current = ws;
    show(ws);
    return () => ws.terminate();
  }, [url]);

  // While the connection is away, messages wait for it.
  const send = useCallback((message: T & object) => void socket.current?.send(message), []);
  return { status, send };
}
