"""An echo peer with Tornado: ../peers.ts tells what every peer does."""

import asyncio
import sys
from urllib.parse import urlsplit

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
from tornado.httpclient import HTTPClientError, HTTPRequest


def say(*words):
    print(*words, flush=True)


def compression_of(path):
    """Tornado does not compress unless it is told to."""
    return {} if path.startswith("/compressed") else None


async def obey(ws, message):
    """`ws` is a connection of a server or of a client: both have these methods."""
    command, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
    if command == "!ping":
        ws.ping(b"from the peer")
    elif command == "!close":
        code, _, reason = rest.partition(" ")
        ws.close(int(code), reason)
    else:
        await ws.write_message(message, binary=isinstance(message, bytes))


class Echo(tornado.websocket.WebSocketHandler):
    def get_compression_options(self):
        return compression_of(self.request.path)

    def select_subprotocol(self, subprotocols):
        return "chat" if "chat" in subprotocols else None

    def open(self, *_):
        say("opened", self.request.path, self.selected_subprotocol or "-")

    async def on_message(self, message):
        await obey(self, message)

    def on_close(self):
        say("closed", self.request.path, self.close_code, self.close_reason or "-")


async def connect(url, protocols, origin):
    path = urlsplit(url).path
    offered = None if protocols == "-" else [word for word in protocols.strip("[]").split(",") if word]
    request = HTTPRequest(url, headers={} if origin == "-" else {"Origin": origin})
    try:
        ws = await tornado.websocket.websocket_connect(
            request, subprotocols=offered, compression_options=compression_of(path)
        )
    except HTTPClientError as error:
        say("refused", path, error.code)
        return
    say("opened", path, ws.selected_subprotocol or "-")
    while (message := await ws.read_message()) is not None:
        # Nobody writes to a connection that its other side has closed meanwhile.
        await obey(ws, message)
    say("closed", path, ws.close_code, ws.close_reason or "-")


async def main():
    server = tornado.httpserver.HTTPServer(tornado.web.Application([(r"/.*", Echo)]))
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    say("listening", sockets[0].getsockname()[1])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = []
    while line := await lines.readline():
        tasks.append(asyncio.create_task(connect(*line.decode().split())))


asyncio.run(main())
