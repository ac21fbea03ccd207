"""A gRPC service: grpc_server.py PORT [IDENTITY]

Messages are bytes without a schema. With an identity it speaks TLS, and demands a certificate.
"""

import sys
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "after"), ("x-bytes-bin", b"\x00\xff")))
    metadata = dict(context.invocation_metadata())
    return request + b"|" + metadata.get("x-forwarded-client-cert", "nobody").encode()


def large(request, context):
    context.set_trailing_metadata((("x-large", "a" * int(request)),))
    return b"whole"


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def add(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def echo(requests, context):
    for request in requests:
        yield request.upper()


def fail(request, context):
    context.set_trailing_metadata((("x-trailer", "of a failure"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nothing is ready: 100 % sure, grüße")


def half(request, context):
    yield b"first"
    yield b"second"
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is lost")


port, *identity = sys.argv[1:]
server = grpc.server(futures.ThreadPoolExecutor(8))
handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Large": grpc.unary_unary_rpc_method_handler(large),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Add": grpc.stream_unary_rpc_method_handler(add),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Half": grpc.unary_stream_rpc_method_handler(half),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
if identity:
    key, chain, roots = (open(f"{identity[0]}/{name}", "rb").read() for name in ("tls.key", "tls.crt", "ca.crt"))
    terms = grpc.ssl_server_credentials([(key, chain)], roots, require_client_auth=True)
    server.add_secure_port(f"127.0.0.1:{port}", terms)
else:
    server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
