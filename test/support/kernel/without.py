"""Runs a program on a kernel that lacks something: what it would refuse is refused (seccomp), with its own error.

    without.py ipv6|ip_tables PROGRAM ARGUMENT...
"""

import ctypes
import errno
import os
import struct
import sys

# The numbers of system calls: socket, getsockopt.
SYSCALLS = {"x86_64": (41, 55), "aarch64": (198, 209)}
AF_INET6 = 10
IPT_SO_GET_INFO = 64
LEVELS = (0, 41)  # SOL_IP, SOL_IPV6

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def argument(i):
    """Where the lower half of an argument is in struct seccomp_data."""
    return 16 + 8 * i


def refusing(call, conditions, error):
    """A filter that fails one system call if each of its arguments is one of some values."""
    tests = []
    for i, values in conditions:
        tests.append((LOAD, 0, 0, argument(i)))
        for n, value in enumerate(values):
            rest = len(values) - n - 1
            # To behind these values where it is one; past the last of them, to the end.
            tests.append((EQUAL, rest, None if rest == 0 else 0, value))
    end = len(tests) + 1
    program = [(LOAD, 0, 0, 0), (EQUAL, 0, end, call)]
    for n, (code, yes, no, value) in enumerate(tests):
        program.append((code, yes, len(tests) - n if no is None else no, value))
    return program + [(RETURN, 0, 0, ERRNO | error), (RETURN, 0, 0, ALLOW)]


def install(program):
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = struct.pack("HP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((38, 1, 0, 0, 0), (22, 2, ctypes.c_char_p(prog), 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


socket, getsockopt = SYSCALLS[os.uname().machine]
install(
    {
        "ipv6": refusing(socket, [(0, [AF_INET6])], errno.EAFNOSUPPORT),
        "ip_tables": refusing(getsockopt, [(1, LEVELS), (2, [IPT_SO_GET_INFO])], errno.ENOPROTOOPT),
    }[sys.argv[1]]
)
os.execvp(sys.argv[2], sys.argv[2:])
