"""A WebSocket service that echoes: websocket_server.py PORT [IDENTITY]

With an identity it speaks TLS, and demands a certificate. To "close CODE REASON" it does just that.
"""

import ssl
import sys

from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            _, code, reason = message.split(" ", 2)
            connection.close(int(code), reason)
        elif message == "who":
            connection.send(connection.request.headers.get("X-Forwarded-Client-Cert", "nobody"))
        else:
            connection.send(message)


def tls(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{identity}/tls.crt", f"{identity}/tls.key")
    context.load_verify_locations(f"{identity}/ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


port, *identity = sys.argv[1:]
context = tls(identity[0]) if identity else None
with serve(echo, "127.0.0.1", int(port), ssl=context, max_size=None) as server:
    server.serve_forever()
