"""Holds a WebSocket connection open, and prints its end: websocket_holder.py URL IDENTITY"""

import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url, identity = sys.argv[1:]
context = ssl.create_default_context(cafile=f"{identity}/ca.crt")
context.load_cert_chain(f"{identity}/tls.crt", f"{identity}/tls.key")
with connect(url, ssl=context, proxy=None, close_timeout=1) as connection:
    connection.send("hello")
    print(connection.recv(timeout=10), flush=True)
    try:
        connection.recv()
    except ConnectionClosed as closed:
        print("closed in order" if closed.rcvd else "cut off", flush=True)
