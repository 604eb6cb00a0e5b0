"""Connects to addresses one after the other, as fast as it can, and tells how long each took, in microseconds.

connect.py serve PORT                       accepts and closes, for ever
connect.py ask COUNT ADDRESS:PORT ...       one line of JSON for each address: its times, in their order
"""
import json
import socket
import struct
import sys
import time

RESET = struct.pack("ii", 1, 0)


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(4096)
    print("ready", flush=True)
    while True:
        listener.accept()[0].close()


def ask(count, address, port):
    times = []
    for _ in range(count):
        client = socket.socket()
        # Nothing is left of a connection that is reset, so ports do not run out.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.settimeout(5)
        start = time.perf_counter_ns()
        client.connect((address, port))
        times.append((time.perf_counter_ns() - start) / 1000)
        client.close()
    return times


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    for target in sys.argv[3:]:
        host, port = target.rsplit(":", 1)
        ask(200, host, int(port))
        start = time.perf_counter()
        times = ask(int(sys.argv[2]), host, int(port))
        print(json.dumps({"times": times, "seconds": time.perf_counter() - start}), flush=True)
