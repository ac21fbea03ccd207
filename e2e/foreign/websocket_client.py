"""A WebSocket caller with a certificate: websocket_client.py URL IDENTITY

It prints as JSON what came of everything that it tried.
"""

import hashlib
import json
import os
import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url, identity = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{identity}/ca.crt")
context.load_cert_chain(f"{identity}/tls.crt", f"{identity}/tls.key")
results = {}


def open_one():
    return connect(url, ssl=context, max_size=None, proxy=None, subprotocols=None)


def close_as(request):
    with open_one() as connection:
        connection.send(request)
        try:
            connection.recv(timeout=10)
        except ConnectionClosed as closed:
            return [closed.rcvd.code, closed.rcvd.reason]


with open_one() as connection:
    results["deflate"] = connection.response.headers.get("Sec-WebSocket-Extensions", "")
    connection.send("hello")
    results["text"] = connection.recv(timeout=10)
    connection.send("who")
    results["who"] = connection.recv(timeout=10)
    large = os.urandom(4 * 1024 * 1024)
    connection.send(large)
    returned = connection.recv(timeout=20)
    results["large"] = [len(returned), hashlib.sha256(returned).digest() == hashlib.sha256(large).digest()]
    # In fragments, as a message whose length is not known beforehand.
    connection.send(str(number) for number in range(1000))
    results["fragments"] = connection.recv(timeout=10) == "".join(map(str, range(1000)))
    results["ping"] = connection.ping().wait(10)
    for number in range(500):
        connection.send(f"{number}")
    results["order"] = [connection.recv(timeout=10) for _ in range(500)] == [f"{n}" for n in range(500)]
    connection.close(4001, "that will do")
    results["own close"] = [connection.close_code, connection.close_reason]

results["normal"] = close_as("close 1000 good bye")
results["private"] = close_as("close 4321 as agreed")
results["failed"] = close_as("close 1011 it broke")
print(json.dumps(results))
