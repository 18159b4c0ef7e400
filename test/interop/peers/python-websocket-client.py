"""An echo peer with websocket-client, a client only: ../peers.ts tells what every peer does."""

import struct
import sys
import threading
from urllib.parse import urlsplit

from websocket import ABNF, WebSocketBadStatusException, WebSocketConnectionClosedException, create_connection


def say(*words):
    print(*words, flush=True)


def obey(ws, opcode, data):
    command, _, rest = data.decode().partition(" ") if opcode == ABNF.OPCODE_TEXT else ("", "", "")
    if command == "!ping":
        ws.ping("from the peer")
    elif command == "!fragments":
        for word, kind in (("one ", ABNF.OPCODE_TEXT), ("two ", ABNF.OPCODE_CONT), ("three ", ABNF.OPCODE_CONT)):
            ws.send_frame(ABNF.create_frame(word * 1000, kind, fin=1 if word == "three " else 0))
    elif command == "!close":
        code, _, reason = rest.partition(" ")
        ws.send_close(int(code), reason.encode())
    else:
        ws.send(data, opcode)


def connect(url, protocols, origin):
    path = urlsplit(url).path
    offered = None if protocols == "-" else [word for word in protocols.strip("[]").split(",") if word]
    try:
        # Without an origin of its own, a client names the host that it connects to.
        ws = create_connection(url, subprotocols=offered, origin=None if origin == "-" else origin)
    except WebSocketBadStatusException as error:
        say("refused", path, error.status_code)
        return
    say("opened", path, ws.getsubprotocol() or "-")
    try:
        while True:
            # Pings and close frames are answered in here.
            opcode, frame = ws.recv_data_frame(control_frame=True)
            if opcode == ABNF.OPCODE_CLOSE:
                say("closed", path, *struct.unpack("!H", frame.data[:2]), frame.data[2:].decode() or "-")
                break
            if opcode in (ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY):
                obey(ws, opcode, frame.data)
    except WebSocketConnectionClosedException:
        say("closed", path, 1006, "-")
    ws.shutdown()


say("ready")
for line in sys.stdin:
    threading.Thread(target=connect, args=line.split(), daemon=True).start()
