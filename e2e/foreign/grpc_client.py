"""A gRPC caller with a certificate: grpc_client.py PORT IDENTITY

It prints as JSON what came of every kind of call.
"""

import json
import sys

import grpc

port, identity = sys.argv[1:]
key, chain, roots = (open(f"{identity}/{name}", "rb").read() for name in ("tls.key", "tls.crt", "ca.crt"))
credentials = grpc.ssl_channel_credentials(roots, key, chain)
results = {}


def trailers(call):
    # Where an answer is nothing but its end, the head of it counts as trailers: without its date.
    fields = [(name, value) for name, value in call.trailing_metadata() if name != "date"]
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields}


options = [("grpc.enable_http_proxy", 0), ("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
with grpc.secure_channel(f"localhost:{port}", credentials, options=options) as channel:
    forged = (("x-forwarded-client-cert", "Hash=forged;URI=spiffe://mtls-demo.local/admin"),)
    answer, call = channel.unary_unary("/test.Test/Unary").with_call(b"hello", timeout=10, metadata=forged)
    results["unary"] = answer.decode()
    results["status"] = call.code().name
    results["trailers"] = trailers(call)

    results["large"] = len(channel.unary_unary("/test.Test/Unary")(b"x" * 3_000_000, timeout=10)) > 3_000_000

    # Trailers of so many bytes pass whole, or the call fails: it never looks as if it had ended well without them.
    results["trailers of"] = {}
    for size in (17_000, 40_000, 60_000, 70_000, 200_000, 300_000):
        try:
            answer, call = channel.unary_unary("/test.Test/Large").with_call(b"%d" % size, timeout=10)
            results["trailers of"][size] = len(dict(call.trailing_metadata())["x-large"]) == size
        except grpc.RpcError as error:
            results["trailers of"][size] = error.code().name

    results["count"] = [int(n) for n in channel.unary_stream("/test.Test/Count")(b"100", timeout=10)] == list(range(100))
    results["add"] = int(channel.stream_unary("/test.Test/Add")((b"x" * 1000 for _ in range(500)), timeout=10))

    # Each message waits for the response to the one before, so neither side may be buffered.
    asked = []

    def messages():
        for number in range(20):
            asked.append(number)
            yield b"question %d" % number

    call = channel.stream_stream("/test.Test/Echo")(messages(), timeout=10)
    results["echo"] = [answer.decode() for answer in call] == [f"QUESTION {n}" for n in range(20)]

    try:
        channel.unary_unary("/test.Test/Fail")(b"", timeout=10)
    except grpc.RpcError as error:
        results["fail"] = [error.code().name, error.details(), trailers(error)]
    try:
        channel.unary_unary("/test.Test/Missing")(b"", timeout=10)
    except grpc.RpcError as error:
        results["missing"] = error.code().name
    got = []
    try:
        for message in channel.unary_stream("/test.Test/Half")(b"", timeout=10):
            got.append(message.decode())
    except grpc.RpcError as error:
        results["half"] = [got, error.code().name, error.details()]
    try:
        channel.unary_unary("/other.Other/Unary")(b"", timeout=10)
    except grpc.RpcError as error:
        results["no route"] = error.code().name

print(json.dumps(results))
