"""Everybody in a lab who talks to somebody: servers in pods, and clients anywhere.

One process for all network namespaces: a socket belongs to the namespace in which it was made, wherever its process
goes afterwards. Takes commands as JSON, one on each line of standard input, and answers each with a line of JSON that
bears its id. Ends with its standard input, and takes the namespaces with it that its arguments name: so they are gone,
too, when the tests are killed.

A server says who it is, and which address its client has for it. SCTP is spoken on raw sockets, as far as INIT and
INIT ACK, which is where connection tracking and NAT do their work: many kernels come without SCTP sockets. The server
puts its words into the cookie of the INIT ACK.
"""

import asyncio
import collections
import ctypes
import errno
import hashlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
SCTP = 132
libc = ctypes.CDLL(None, use_errno=True)
namespaces = {}


def enter(name):
    """Sockets are made in this namespace from here on."""
    if name not in namespaces:
        namespaces[name] = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(namespaces[name], CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {name}")


def make_socket(namespace, family, kind, protocol=0):
    enter(namespace)
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    return sock


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# --- SCTP (RFC 9260)


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


CRC32C = crc32c_table()


def sctp_packet(source_port, port, tag, chunk):
    def packet(checksum):
        return struct.pack("!HHI", source_port, port, tag) + struct.pack("<I", checksum) + chunk

    crc = 0xFFFFFFFF
    for byte in packet(0):
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return packet(crc ^ 0xFFFFFFFF)


def sctp_chunk(kind, tag, parameters=b""):
    body = struct.pack("!IIHHI", tag, 65536, 1, 1, 1) + parameters
    return struct.pack("!BBH", kind, 0, 4 + len(body)) + body


INIT, INIT_ACK, STATE_COOKIE = 1, 2, 7


def sctp_init(source_port, port):
    return sctp_packet(source_port, port, 0, sctp_chunk(INIT, random.randrange(1, 1 << 32)))


def sctp_init_ack(source_port, port, tag, words):
    padding = b"\0" * (-len(words) % 4)
    cookie = struct.pack("!HH", STATE_COOKIE, 4 + len(words)) + words + padding
    return sctp_packet(source_port, port, tag, sctp_chunk(INIT_ACK, random.randrange(1, 1 << 32), cookie))


def sctp_parse(data, family):
    """Source port, port, kind of the first chunk, its tag, and the cookie."""
    if family == socket.AF_INET:
        data = data[(data[0] & 15) * 4 :]
    if len(data) < 32:
        return None
    source_port, port = struct.unpack("!HH", data[:4])
    (tag,) = struct.unpack("!I", data[16:20])
    cookie = b""
    if len(data) > 36:
        (length,) = struct.unpack("!H", data[34:36])
        cookie = data[36 : 32 + length]
    return source_port, port, data[12], tag, cookie


# --- servers

# What is to be sent of each download that is not over: its last bytes go when they are released.
downloads = {}


async def serve_tcp(sock, name):
    loop = asyncio.get_running_loop()

    async def answer(connection, address):
        try:
            request = (await loop.sock_recv(connection, 1024)).decode().split()
            if request and request[0] == "download":
                await send_download(connection, request[1])
            elif request:
                await loop.sock_sendall(connection, f"{name} {address}".encode())
        except OSError:
            pass
        finally:
            connection.close()

    while True:
        connection, address = await loop.sock_accept(sock)
        connection.setblocking(False)
        spawn(answer(connection, address[0]))


async def send_download(connection, key):
    """The first bytes slowly, so that it lasts; the rest at once, when it is released."""
    loop = asyncio.get_running_loop()
    download = downloads[key]
    content = random.Random(key)
    digest = hashlib.sha256()
    held_back = download["bytes"] // 4
    sent = 0
    while sent < download["bytes"]:
        slow = not download["released"].is_set()
        if slow and sent >= download["bytes"] - held_back:
            await download["released"].wait()
        chunk = content.randbytes(min(16384, download["bytes"] - sent))
        digest.update(chunk)
        await loop.sock_sendall(connection, chunk)
        sent += len(chunk)
        if slow:
            await asyncio.sleep(0.005)
    download["sent"] = {"bytes": sent, "sha256": digest.hexdigest()}


def serve_udp(sock, name):
    while True:
        try:
            data, address = sock.recvfrom(2048)
            sock.sendto(data + f" {name} {address[0]}".encode(), address)
        except BlockingIOError:
            return
        except OSError:
            continue


def serve_sctp(sock, name, serving):
    while True:
        try:
            data, address = sock.recvfrom(2048)
            parsed = sctp_parse(data, sock.family)
            if parsed is None or parsed[1] != serving or parsed[2] != INIT:
                continue
            source_port, port, _, tag, _ = parsed
            words = f"{name} {address[0]}".encode()
            sock.sendto(sctp_init_ack(port, source_port, tag, words), (address[0], 0))
        except BlockingIOError:
            return
        except OSError:
            continue


async def serve(message):
    """A server for each protocol and family."""
    loop = asyncio.get_running_loop()
    namespace, name, port = message["namespace"], message["name"], message["port"]
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        tcp = make_socket(namespace, family, socket.SOCK_STREAM)
        udp = make_socket(namespace, family, socket.SOCK_DGRAM)
        for sock in (tcp, udp):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((anywhere, port))
        tcp.listen(4096)
        spawn(serve_tcp(tcp, name))
        loop.add_reader(udp, serve_udp, udp, name)
        sctp = make_socket(namespace, family, socket.SOCK_RAW, SCTP)
        loop.add_reader(sctp, serve_sctp, sctp, name, port)
    return {}


# --- clients


def outcome_of(error):
    """What somebody who gets no answer gets instead."""
    # Of a packet of one's own that is dropped on the way out its sender is told, but not in TCP.
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)) or error.errno == errno.EPERM:
        return "dropped"
    if error.errno == errno.ECONNREFUSED:
        return "refused"
    return errno.errorcode.get(error.errno, str(error))


def connected(message, kind, protocol=0):
    family = family_of(message["to"])
    sock = make_socket(message["namespace"], family, kind, protocol)
    try:
        if message.get("from"):
            sock.bind((message["from"], 0))
        if kind != socket.SOCK_STREAM:
            sock.connect((message["to"], message["port"] if kind == socket.SOCK_DGRAM else 0))
    except OSError:
        sock.close()
        raise
    return sock


async def send(sock, data):
    """Sends a datagram. One that is refused on the way out is dropped, and the refusal is there beside it."""
    try:
        await asyncio.get_running_loop().sock_sendall(sock, data)
    except OSError as error:
        raise OSError(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or error.errno, "send") from error


async def ask_tcp(message):
    loop = asyncio.get_running_loop()
    sock = connected(message, socket.SOCK_STREAM)
    try:
        await loop.sock_connect(sock, (message["to"], message["port"]))
        await loop.sock_sendall(sock, b"who")
        return (await loop.sock_recv(sock, 1024)).decode() or "closed"
    finally:
        sock.close()


async def ask_udp(message):
    loop = asyncio.get_running_loop()
    sock = connected(message, socket.SOCK_DGRAM)
    try:
        await send(sock, b"who")
        return (await loop.sock_recv(sock, 2048)).decode().split(" ", 1)[1]
    finally:
        sock.close()


# From Linux's in.h and in6.h; Python does not have them.
IP_RECVERR, IPV6_RECVERR = 11, 25


def is_refused(sock, ports):
    """A raw socket hears of every refusal from where it is connected to; the packet that is meant comes with it."""
    refused = False
    while True:
        try:
            data = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)[0]
            refused = refused or struct.unpack("!HH", data[:4]) == ports
        except BlockingIOError:
            return refused


async def ask_sctp(message):
    loop = asyncio.get_running_loop()
    sock = connected(message, socket.SOCK_RAW, SCTP)
    ports = random.randrange(32768, 61000), message["port"]
    ipv6 = sock.family == socket.AF_INET6
    sock.setsockopt(socket.IPPROTO_IPV6 if ipv6 else socket.IPPROTO_IP, IPV6_RECVERR if ipv6 else IP_RECVERR, 1)
    try:
        try:
            await loop.sock_sendall(sock, sctp_init(*ports))
        except OSError as error:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "send") if is_refused(sock, ports) else error
        while True:
            try:
                parsed = sctp_parse(await loop.sock_recv(sock, 2048), sock.family)
            except ConnectionRefusedError:
                if is_refused(sock, ports):
                    raise
                continue
            if parsed and parsed[:3] == (*reversed(ports), INIT_ACK):
                return parsed[4].decode()
    finally:
        sock.close()


ASK = {"tcp": ask_tcp, "udp": ask_udp, "sctp": ask_sctp}


async def ask_once(message):
    try:
        return await asyncio.wait_for(ASK[message["protocol"]](message), message["timeout"])
    except (OSError, asyncio.TimeoutError) as error:
        return outcome_of(error)


async def ask(message):
    """Connects some times, several at once, and tells how often each thing came of it, and how long it took."""
    outcomes = collections.Counter()
    slowest = 0.0
    left = message["times"]

    async def worker():
        nonlocal left, slowest
        while left > 0:
            left -= 1
            start = time.monotonic()
            outcomes[await ask_once(message)] += 1
            slowest = max(slowest, time.monotonic() - start)

    await asyncio.gather(*(worker() for _ in range(min(message["times"], 32))))
    return {"outcomes": outcomes, "slowest": slowest}


probes = {}


# Probes that are to end. To cancel them is not enough: asyncio.wait_for may lose that (Python before 3.12).
stopped = set()


async def probe(message, tally):
    while message["probe"] not in stopped:
        tally[await ask_once(message)] += 1
        await asyncio.sleep(message["every"])


async def probe_with_one_socket(message, tally):
    """UDP from one port all the time, whether answers come or not."""
    loop = asyncio.get_running_loop()
    sock = connected(message, socket.SOCK_DGRAM)

    async def receive():
        while True:
            try:
                tally[(await loop.sock_recv(sock, 2048)).decode().split(" ", 1)[1]] += 1
            except OSError as error:
                tally[outcome_of(error)] += 1

    receiver = spawn(receive())
    try:
        while True:
            try:
                await send(sock, b"who")
            except OSError as error:
                tally[outcome_of(error)] += 1
            await asyncio.sleep(message["every"])
    finally:
        receiver.cancel()
        sock.close()


async def start_probe(message):
    """Asks all the time, until it is stopped."""
    tally = collections.Counter()
    how = probe_with_one_socket if message["oneSocket"] else probe
    probes[message["probe"]] = (spawn(how(message, tally)), tally)
    return {}


async def take_probe(message):
    """What has come of a probe since this was asked the last time."""
    _, tally = probes[message["probe"]]
    outcomes = dict(tally)
    tally.clear()
    return {"outcomes": outcomes}


async def stop_probe(message):
    task, tally = probes.pop(message["probe"])
    stopped.add(message["probe"])
    task.cancel()
    return {"outcomes": tally}


async def start_download(message):
    """Begins a download, and answers when its first bytes are there."""
    loop = asyncio.get_running_loop()
    key = message["download"]
    download = downloads[key] = {"bytes": message["bytes"], "released": asyncio.Event(), "sent": None}
    sock = connected(message, socket.SOCK_STREAM)
    await asyncio.wait_for(loop.sock_connect(sock, (message["to"], message["port"])), 5)
    await loop.sock_sendall(sock, f"download {key}".encode())
    first = await asyncio.wait_for(loop.sock_recv(sock, 1 << 18), 5)

    async def receive():
        digest = hashlib.sha256(first)
        count = len(first)
        try:
            while chunk := await loop.sock_recv(sock, 1 << 18):
                digest.update(chunk)
                count += len(chunk)
            end = "closed"
        except OSError as error:
            end = outcome_of(error)
        sock.close()
        return {"bytes": count, "sha256": digest.hexdigest(), "end": end}

    download["received"] = spawn(receive())
    return {}


async def end_download(message):
    """Lets the rest of it come, and tells what was sent and what was received; `early` if nothing was left to come."""
    download = downloads[message["download"]]
    early = download["received"].done()
    download["released"].set()
    received = await asyncio.wait_for(download["received"], 30)
    return {"received": received, "sent": download["sent"], "early": early}


COMMANDS = {
    "serve": serve,
    "ask": ask,
    "startProbe": start_probe,
    "takeProbe": take_probe,
    "stopProbe": stop_probe,
    "startDownload": start_download,
    "endDownload": end_download,
}

# Tasks that nobody holds on to may be collected while they run.
tasks = set()


def spawn(coroutine):
    task = asyncio.ensure_future(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def handle(message):
    try:
        result = await COMMANDS[message["command"]](message)
        reply = {"id": message["id"], "result": result}
    except Exception as error:
        reply = {"id": message["id"], "error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


async def main():
    loop = asyncio.get_running_loop()
    # A program that is told of no end would outlive a test run that is killed.
    commands = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        spawn(handle(json.loads(line)))
    for name in sys.argv[1:]:
        subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, check=False)
    # Without waiting for what is still asked or answered.
    os._exit(0)


asyncio.run(main())
