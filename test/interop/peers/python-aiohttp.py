"""An echo peer with aiohttp: ../peers.ts tells what every peer does."""

import asyncio
import sys
from urllib.parse import urlsplit

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web


def say(*words):
    print(*words, flush=True)


async def serve(ws, path, protocol):
    """`ws` is a connection of a server or of a client: both have these methods."""
    say("opened", path, protocol or "-")
    reason = ""
    # `async for` would leave out the message that holds the reason of the other side.
    while (message := await ws.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        if message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data)
            continue
        command, _, rest = message.data.partition(" ")
        if command == "!ping":
            await ws.ping(b"from the peer")
        elif command == "!close":
            code, _, text = rest.partition(" ")
            await ws.close(code=int(code), message=text.encode())
        else:
            await ws.send_str(message.data)
    if message.type == WSMsgType.CLOSE:
        reason = message.extra
    say("closed", path, ws.close_code, reason or "-")


async def answer(request):
    # A server compresses by default.
    ws = web.WebSocketResponse(protocols=["chat"])
    await ws.prepare(request)
    await serve(ws, request.path, ws.ws_protocol)
    return ws


async def connect(url, protocols, origin):
    path = urlsplit(url).path
    offered = [] if protocols == "-" else protocols.split(",")
    # A client does not compress by default; 15 is the size of its window.
    compress = 15 if path.startswith("/compressed") else 0
    async with ClientSession() as session:
        try:
            ws = await session.ws_connect(
                url, protocols=offered, compress=compress, origin=None if origin == "-" else origin
            )
        except WSServerHandshakeError as error:
            say("refused", path, error.status)
        else:
            await serve(ws, path, ws.protocol)


async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say("listening", runner.addresses[0][1])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = []
    while line := await lines.readline():
        tasks.append(asyncio.create_task(connect(*line.decode().split())))


asyncio.run(main())
