"""Runs programs for the tests, each in a network namespace.

A process that starts another one pays for the pages that it has written to, as each is guarded until it writes to it
anew: of one that runs tests, 30 ms of a processor, more than most of these programs take. This one is small, and
subprocess has the new one share its memory until it begins.

Takes commands as JSON, one on each line of standard input, and answers each with a line of JSON that bears its id. Ends
with its standard input.
"""

import concurrent.futures
import ctypes
import json
import os
import subprocess
import sys
import threading

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/self/ns/net", os.O_RDONLY)


def enter(handle):
    """What this thread starts from here on is in this namespace."""
    if libc.setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def start(namespace, command, environment, stdin):
    """Comes back at once: a namespace is there for as long as a thread is in it."""
    handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY) if namespace else home
    try:
        enter(handle)
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        enter(home)
        if handle != home:
            os.close(handle)


def run(message):
    given = message.get("input")
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    process = start(message.get("namespace"), message["arguments"], message["env"], stdin)
    try:
        out, err = process.communicate(given and given.encode(), message["timeout"])
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    code = process.returncode
    return {
        **({"exitCode": code} if code >= 0 else {}),
        "stdout": out.decode(errors="replace"),
        "stderr": err.decode(errors="replace"),
    }


printing = threading.Lock()


def handle(message):
    try:
        reply = {"id": message["id"], "result": run(message)}
    except Exception as error:
        reply = {"id": message["id"], "error": f"{' '.join(message['arguments'])}: {error}"}
    with printing:
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


with concurrent.futures.ThreadPoolExecutor(64) as threads:
    for line in sys.stdin:
        threads.submit(handle, json.loads(line))
