"""A client of the protocol 4d-topics.1, written from docs/reference/topics-wire.md alone, with the standard library.

Usage: topics_client.py HOST PORT. Prints what it found as one line of JSON.
"""
import base64
import hashlib
import json
import os
import socket
import struct
import sys


class Connection:
    """One WebSocket (RFC 6455) that speaks 4d-topics.1."""

    def __init__(self, host, port, secret=None):
        self.socket = socket.create_connection((host, port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        protocols = ["4d-topics.1"] + (["session." + secret] if secret else [])
        request = [
            "GET / HTTP/1.1",
            "Host: %s:%d" % (host, port),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: " + key,
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: " + ", ".join(protocols),
        ]
        self.socket.sendall("\r\n".join(request + ["", ""]).encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.socket.recv(4096)
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = dict((name.lower(), value) for name, value in (line.split(": ", 1) for line in lines[1:]))
        proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        assert " 101 " in lines[0], lines[0]
        assert headers["sec-websocket-accept"] == base64.b64encode(proof).decode()
        assert headers["sec-websocket-protocol"] == "4d-topics.1"
        self.frames = []

    def send(self, **frame):
        self.write(0x81, json.dumps(frame).encode())

    def write(self, first, payload):
        mask = os.urandom(4)
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([first]) + length + mask + masked)

    def read(self, size):
        while len(self.bytes) < size:
            more = self.socket.recv(65536)
            assert more, "the connection is over"
            self.bytes += more
        part, self.bytes = self.bytes[:size], self.bytes[size:]
        return part

    def next(self):
        """Returns the next frame of the server."""
        while not self.frames:
            first, second = self.read(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", self.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self.read(8))
            payload = self.read(size)
            if first & 0x0F == 0x9:
                self.write(0x8A, payload)
            elif first & 0x0F == 0x1:
                assert first & 0x80, "fragments are not read here"
                message = json.loads(payload)
                self.frames = message if isinstance(message, list) else [message]
        return self.frames.pop(0)

    def until(self, wanted, **members):
        """Skips frames up to one of this kind."""
        while True:
            frame = self.next()
            if frame["t"] == wanted and all(frame.get(name) == value for name, value in members.items()):
                return frame


def main(host, port):
    found = {}
    one = Connection(host, port)
    hi = one.next()
    found["hi"] = sorted(hi)
    position = {}

    def note(frame):
        if "topic" in frame and "pos" in frame:
            position[frame["topic"]] = frame["pos"]
        return frame

    one.send(t="sub", topic="room", since={"last": 2})
    found["subbed"] = note(one.until("subbed"))["state"]
    found["replayed"] = [note(one.until("m"))["data"] for _ in range(2)]
    note(one.until("live"))

    mid = base64.urlsafe_b64encode(os.urandom(16)).decode()
    for id in (1, 2):
        one.send(t="pub", topic="room", data={"from": "python", "text": "\u00e9"}, mid=mid, id=id)
    # The message itself may come in front of the answer, or behind it.
    answers, heard = {}, []
    while len(answers) < 2 or not heard:
        frame = note(one.next())
        if frame["t"] == "ok":
            answers[frame["id"]] = frame
        elif frame["t"] == "m":
            heard.append(frame["data"])
    found["published"] = [answers[1].get("dup", False), answers[2].get("dup", False)]
    found["same place"] = answers[1]["pos"] == answers[2]["pos"]
    found["heard"] = heard

    one.send(t="req", data={"b64": base64.b64encode(b"bytes").decode()}, id="a")
    found["answer"] = base64.b64decode(one.until("ok", id="a")["data"]["b64"]).decode()
    one.send(t="hist", topic="room", limit=10, id="h")
    history = one.until("hist", id="h")
    found["history"] = [len(history["msgs"]), history["more"]]
    one.send(t="sub", topic="forbidden")
    found["refused"] = one.until("unsubbed", topic="forbidden")["code"]
    one.send(t="nonsense", id=9)
    found["nonsense"] = one.until("err", id=9)["code"]
    one.send(t="ping")
    one.until("alive")

    # The connection is cut, and messages are published meanwhile by the request "publish".
    one.send(t="msg", data="publish when I am gone")
    one.socket.close()
    two = Connection(host, port, hi["session"])
    again = two.next()
    found["same session"] = again["session"] == hi["session"]
    two.send(t="req", data="published?", id=1)
    two.until("ok", id=1)
    two.send(t="sub", topic="room", since=position["room"])
    subbed = two.until("subbed")
    found["resumed"] = [subbed["state"], subbed.get("missed", 0), subbed["pos"] == position["room"]]
    found["missed"] = [two.until("m", r=1)["data"] for _ in range(subbed.get("missed", 0))]
    two.until("live")
    two.send(t="sub", topic=[{"topic": "room", "since": "0.0.0"}, {"topic": "other"}])
    found["several"] = sorted(two.until("subbed")["state"] for _ in range(2))
    print(json.dumps(found))


main(sys.argv[1], int(sys.argv[2]))
