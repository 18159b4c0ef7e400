export default function Page() {
  return 'A page on the path of the WebSocket server.';
}
