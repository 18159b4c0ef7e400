"""An echo peer with the package "websockets": ../peers.ts tells what every peer does."""

import asyncio
import sys
from urllib.parse import urlsplit

import websockets


def say(*words):
    print(*words, flush=True)


async def serve(ws):
    # Since version 14 a connection has the whole request instead of the path.
    path = ws.path if hasattr(ws, "path") else ws.request.path
    say("opened", path, ws.subprotocol or "-")
    try:
        async for message in ws:
            command, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
            if command == "!ping":
                await ws.ping(b"from the peer")
            elif command == "!fragments":
                await ws.send([word * 1000 for word in ("one ", "two ", "three ")])
            elif command == "!close":
                code, _, reason = rest.partition(" ")
                await ws.close(int(code), reason)
            else:
                await ws.send(message)
    except websockets.ConnectionClosedError:
        pass
    say("closed", path, ws.close_code, ws.close_reason or "-")


async def connect(url, protocols, origin):
    path = urlsplit(url).path
    offered = None if protocols == "-" else [word for word in protocols.strip("[]").split(",") if word]
    try:
        ws = await websockets.connect(url, subprotocols=offered, origin=None if origin == "-" else origin)
    except websockets.InvalidHandshake as error:
        # The error has the status itself until version 13, and the whole answer since.
        say("refused", path, error.status_code if hasattr(error, "status_code") else error.response.status_code)
    else:
        await serve(ws)


def choose(*arguments):
    # The offered subprotocols are the first argument until version 13, and the second one since.
    offered = next(argument for argument in arguments if isinstance(argument, (list, tuple)))
    return "chat" if "chat" in offered else None


async def main():
    # Compression is on by default, for servers and clients alike.
    server = await websockets.serve(serve, "127.0.0.1", 0, subprotocols=["chat"], select_subprotocol=choose)
    say("listening", server.sockets[0].getsockname()[1])
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = []
    while line := await lines.readline():
        tasks.append(asyncio.create_task(connect(*line.decode().split())))


asyncio.run(main())
