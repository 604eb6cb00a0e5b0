"""Connects to addresses one after the other, as fast as it can, and tells how long each took, in microseconds.

connect.py serve PORT                       accepts and closes, for ever
connect.py ask COUNT ADDRESS:PORT ...       one line of JSON for each address: its times, in their order.
                                            All take turns, so that whatever else the machine does falls on all alike.
"""
import json
import socket
import struct
import sys
import time

RESET = struct.pack("ii", 1, 0)
ROUNDS = 10


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
    targets = [(host, int(port)) for host, port in (target.rsplit(":", 1) for target in sys.argv[3:])]
    answers = [{"times": [], "seconds": 0} for _ in targets]
    for target in targets:
        ask(200, *target)
    for _ in range(ROUNDS):
        for target, answer in zip(targets, answers):
            start = time.perf_counter()
            answer["times"] += ask(int(sys.argv[2]) // ROUNDS, *target)
            answer["seconds"] += time.perf_counter() - start
    for answer in answers:
        print(json.dumps(answer))
