"""Asks again and again until its standard input ends: load.py PORT IDENTITY

Four callers keep a connection each and speak HTTP/1.1, one opens a connection for each request, and
one speaks HTTP/2 by PyPI's h2. Each tenth of a second it prints as JSON how many requests were
answered with 200, and what became of the others.
"""

import collections
import http.client
import json
import socket
import ssl
import sys
import threading
import time

import h2.connection
import h2.events
from h2.connection import ConnectionInputs, ConnectionState, H2ConnectionStateMachine

port, identity = int(sys.argv[1]), sys.argv[2]
# PyPI's h2 takes GOAWAY for the end of all streams; RFC 9113, section 6.8, has those finish that are
# under way.
for state in (ConnectionState.IDLE, ConnectionState.CLIENT_OPEN):
    H2ConnectionStateMachine._transitions[state, ConnectionInputs.RECV_GOAWAY] = (None, state)

good, failed, over = collections.Counter(), collections.Counter(), threading.Event()


def context(protocol):
    context = ssl.create_default_context(cafile=f"{identity}/ca.crt")
    context.load_cert_chain(f"{identity}/tls.crt", f"{identity}/tls.key")
    context.set_alpn_protocols([protocol])
    return context


def http1(kept):
    connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context("http/1.1"))

    def ask():
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
        except Exception:
            connection.close()
            raise
        if not kept:
            connection.close()
        return answer.status

    return ask


def http2():
    terms = context("h2")
    state = {}

    def opened():
        tcp = socket.create_connection(("127.0.0.1", port), timeout=10)
        state["tls"] = terms.wrap_socket(tcp, server_hostname="localhost")
        state["h2"] = h2.connection.H2Connection()
        state["h2"].initiate_connection()

    def ask():
        if not state:
            opened()
        try:
            return one(state["tls"], state["h2"])
        except Exception:
            state.clear()
            raise

    def one(tls, connection):
        stream = connection.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
        connection.send_headers(stream, head, end_stream=True)
        status, leaves = None, False
        while True:
            tls.sendall(connection.data_to_send())
            data = tls.recv(65536)
            if not data:
                raise ConnectionError("closed in mid-answer")
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    leaves = True
                elif isinstance(event, h2.events.StreamReset):
                    raise ConnectionError(f"reset with {event.error_code}")
                elif isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                    if leaves:
                        tls.close()
                        state.clear()
                    return status

    return ask


def repeat(name, ask):
    while not over.is_set():
        try:
            status = ask()
        except Exception as error:
            failed[f"{name}: {error}"] += 1
            # A refused caller waits before it asks again.
            time.sleep(0.02)
            continue
        if status == 200:
            good[name] += 1
        else:
            failed[f"{name}: {status}"] += 1


callers = [("kept", http1(True)) for _ in range(4)]
callers += [("new", http1(False)), ("http2", http2())]
threads = [threading.Thread(target=repeat, args=caller) for caller in callers]
threads.append(threading.Thread(target=lambda: (sys.stdin.read(), over.set())))
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    print(json.dumps({"good": dict(good), "failed": dict(failed)}), flush=True)
    time.sleep(0.1)
print(json.dumps({"good": dict(good), "failed": dict(failed)}), flush=True)
