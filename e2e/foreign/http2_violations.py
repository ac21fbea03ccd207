"""Breaks the rules of HTTP/2 one by one: http2_violations.py PORT IDENTITY

For each it prints as JSON which frames came back: the first of GOAWAY, RST_STREAM and a status, with
its code. Each has a connection of its own, opened in order; frames are hyperframe's, or bytes.
"""

import contextlib
import json
import socket
import ssl
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import hpack
from hyperframe.frame import (
    ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame,
    RstStreamFrame, SettingsFrame, WindowUpdateFrame,
)

port, identity = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{identity}/ca.crt")
context.load_cert_chain(f"{identity}/tls.crt", f"{identity}/tls.key")
context.set_alpn_protocols(["h2"])

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GOOD = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
POST = [(":method", "POST")] + GOOD[1:]


def encoded(fields):
    return hpack.Encoder().encode(fields, huffman=False)


def headers(fields, stream=1, flags=("END_HEADERS", "END_STREAM")):
    return HeadersFrame(stream, data=encoded(fields), flags=flags).serialize()


def raw(kind, flags, stream, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def replaced(name, value):
    return [(n, value if n == name else v) for n, v in GOOD]


def large():
    """A head of 50 kB, in as many frames as it takes."""
    block = encoded(GOOD + [(f"x-name-{number}", "x" * 1000) for number in range(50)])
    frames = [block[start:start + 16000] for start in range(0, len(block), 16000)]
    last = len(frames) - 1
    flags = ["END_HEADERS"] if last == 0 else []
    serialized = HeadersFrame(1, data=frames[0], flags=["END_STREAM"] + flags).serialize()
    for number, frame in enumerate(frames[1:], 1):
        serialized += ContinuationFrame(1, frame, flags=["END_HEADERS"] if number == last else []).serialize()
    return serialized


VIOLATIONS = {
    # The control: what is right is answered.
    "nothing wrong": headers(GOOD),
    # Section 4.2
    "a frame larger than SETTINGS_MAX_FRAME_SIZE": raw(0, 0, 1, b"x" * 20000),
    "PING of 7 bytes": raw(6, 0, 0, b"x" * 7),
    "RST_STREAM of 3 bytes": headers(POST, flags=("END_HEADERS",)) + raw(3, 0, 1, b"xxx"),
    "SETTINGS of 5 bytes": raw(4, 0, 0, b"x" * 5),
    "SETTINGS acknowledged with a payload": raw(4, 1, 0, b"x" * 6),
    "WINDOW_UPDATE of 3 bytes": raw(8, 0, 0, b"xxx"),
    "PRIORITY of 4 bytes": raw(2, 0, 1, b"xxxx"),
    # Section 4.3
    "a field block that is no HPACK": raw(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"),
    # Section 5.1
    "DATA on an idle stream": DataFrame(1, b"x").serialize(),
    "RST_STREAM on an idle stream": RstStreamFrame(1, error_code=8).serialize(),
    "WINDOW_UPDATE on an idle stream": WindowUpdateFrame(1, window_increment=1).serialize(),
    "DATA after END_STREAM": headers(GOOD) + DataFrame(1, b"x").serialize(),
    "CONTINUATION after END_HEADERS": headers(GOOD) + ContinuationFrame(1, encoded(GOOD)).serialize(),
    # Section 5.1.1
    "a stream with an even number": headers(GOOD, stream=2),
    "a stream with a lower number": headers(GOOD, stream=5) + headers(GOOD, stream=3),
    # Section 5.3.1
    "a stream that depends on itself": PriorityFrame(1, depends_on=1).serialize(),
    # Section 6
    "DATA on stream 0": raw(0, 0, 0, b"x"),
    "HEADERS on stream 0": raw(1, 5, 0, encoded(GOOD)),
    "PING on a stream": raw(6, 0, 1, b"x" * 8),
    "SETTINGS on a stream": raw(4, 0, 1, b""),
    "GOAWAY on a stream": raw(7, 0, 1, b"\0" * 8),
    "PUSH_PROMISE from a client": raw(5, 4, 1, b"\0\0\0\2" + encoded(GOOD)),
    "padding longer than DATA": headers(POST, flags=("END_HEADERS",)) + raw(0, 8, 1, b"\xffabc"),
    "a block broken by another frame": headers(GOOD, flags=()) + PingFrame(0, b"x" * 8).serialize(),
    "a block continued on another stream": headers(GOOD, flags=()) + ContinuationFrame(3, b"").serialize(),
    # Section 6.5.2
    "ENABLE_PUSH of 2": SettingsFrame(0, settings={2: 2}).serialize(),
    "INITIAL_WINDOW_SIZE over 2^31-1": raw(4, 0, 0, struct.pack(">HI", 4, 0x80000000)),
    "MAX_FRAME_SIZE of 1": raw(4, 0, 0, struct.pack(">HI", 5, 1)),
    # Section 6.9
    "WINDOW_UPDATE of 0": raw(8, 0, 0, b"\0" * 4),
    "WINDOW_UPDATE of 0 on a stream": headers(POST, flags=("END_HEADERS",)) + raw(8, 0, 1, b"\0" * 4),
    "a window over 2^31-1": WindowUpdateFrame(0, window_increment=0x7FFFFFFF).serialize(),
    "a stream's window over 2^31-1": headers(POST, flags=("END_HEADERS",)) + WindowUpdateFrame(1, window_increment=0x7FFFFFFF).serialize(),
    # Section 8.1.1
    "DATA longer than Content-Length": headers(POST + [("content-length", "1")], flags=("END_HEADERS",)) + DataFrame(1, b"xx", flags=("END_STREAM",)).serialize(),
    "DATA shorter than Content-Length": headers(POST + [("content-length", "3")], flags=("END_HEADERS",)) + DataFrame(1, b"xx", flags=("END_STREAM",)).serialize(),
    # Sections 8.2 and 8.3
    "a field name in upper case": headers(GOOD + [("X-Name", "value")]),
    "a field of the connection": headers(GOOD + [("connection", "close")]),
    "TE that is not trailers": headers(GOOD + [("te", "gzip")]),
    "Transfer-Encoding": headers(POST + [("transfer-encoding", "chunked")]),
    "a line break in a value": headers(GOOD + [("x-name", "a\r\nb: c")]),
    "an unknown pseudo-header": headers(GOOD + [(":unknown", "x")]),
    "a pseudo-header of answers": headers(GOOD + [(":status", "200")]),
    "a pseudo-header after a field": headers(GOOD[:3] + [("x-name", "x"), GOOD[3]]),
    "a pseudo-header twice": headers(GOOD + [(":path", "/other")]),
    "no :method": headers(GOOD[1:]),
    "no :scheme": headers(GOOD[:1] + GOOD[2:]),
    "no :path": headers(GOOD[:3]),
    "an empty :path": headers(replaced(":path", "")),
    "a pseudo-header in trailers": headers(POST, flags=("END_HEADERS",)) + headers([(":path", "/")]),
    "HEADERS without an end after DATA": headers(POST, flags=("END_HEADERS",)) + headers([("x-t", "x")], flags=("END_HEADERS",)),
    # What wears others out (section 10.5)
    "more streams than SETTINGS_MAX_CONCURRENT_STREAMS": b"".join(headers(POST, stream, ("END_HEADERS",)) for stream in range(1, 401, 2)),
    "a flood of streams that are reset at once": b"".join(headers(GOOD, stream) + RstStreamFrame(stream, error_code=8).serialize() for stream in range(1, 4001, 2)),
    "a flood of CONTINUATION": headers(GOOD, flags=()) + ContinuationFrame(1, encoded([("x-name", "x" * 16000)])).serialize() * 500,
    "a head that is larger than allowed": large(),
    # What must be ignored (sections 4.1, 5.5, 6.5.2)
    "a frame of an unknown kind": raw(0xBB, 0, 0, b"x") + headers(GOOD),
    "an unknown setting": raw(4, 0, 0, struct.pack(">HI", 0x99, 1)) + headers(GOOD),
    "unknown flags": raw(6, 0xFE, 0, b"x" * 8) + headers(GOOD),
    "the reserved bit": raw(1, 5, 0x80000001, encoded(GOOD)),
}


def answer(violation, preface=PREFACE + SettingsFrame(0).serialize()):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=3) as tcp:
        with context.wrap_socket(tcp, server_hostname="localhost") as tls:
            with contextlib.suppress(OSError):
                # The gateway may close before all of it is sent.
                tls.sendall(preface + violation)
            return first(tls)


def first(tls):
    """The first frame that says what became of it; GOAWAY with NO_ERROR says nothing."""
    decoder = hpack.Decoder()
    while True:
        head = read(tls, 9)
        if not head:
            return "closed" if head is None else "nothing"
        frame, length = Frame.parse_frame_header(memoryview(head))
        body = read(tls, length)
        frame.parse_body(memoryview(body))
        if isinstance(frame, GoAwayFrame) and frame.error_code:
            return f"GOAWAY {frame.error_code}"
        if isinstance(frame, RstStreamFrame):
            return f"RST_STREAM {frame.error_code}"
        if isinstance(frame, HeadersFrame):
            fields = dict(decoder.decode(frame.data))
            return f"status {fields.get(':status') or fields.get(b':status').decode()}"


def read(tls, length):
    data = b""
    while len(data) < length:
        try:
            piece = tls.recv(length - len(data))
        except (ConnectionResetError, ssl.SSLError):
            return None
        except TimeoutError:
            return b""
        if not piece:
            return None
        data += piece
    return data


with ThreadPoolExecutor(8) as pool:
    results = dict(zip(VIOLATIONS, pool.map(answer, VIOLATIONS.values())))
results["no preface"] = answer(b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
results["a preface without SETTINGS"] = answer(PingFrame(0, b"x" * 8).serialize(), PREFACE)
print(json.dumps(results))
