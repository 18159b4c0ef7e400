/** A GET request, which asks for an answer and for nothing else. */
export function getRequest(file: string): string {
  return `GET /${file} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

/** A POST request whose body has begun. */
export function unfinishedPost(): string {
  return 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n';
}
