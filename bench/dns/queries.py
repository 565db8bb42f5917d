"""Queries in the form that dnsperf reads with -B: each after its length."""

import random
import struct

from servers import SUBNETS, ZONE


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def query(host, rtype=1, options=None, dnssec=False):
    opt = b""
    if options is not None:
        flags = 0x8000 if dnssec else 0
        opt = b"\0" + struct.pack(">HHIH", 41, 1232, flags, len(options)) + options
    header = struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 1 if opt else 0)
    message = header + name(host) + struct.pack(">HH", rtype, 1) + opt
    return struct.pack(">H", len(message)) + message


def client_subnet(number):
    """EDNS Client Subnet of 10.x.y.0/24 (RFC 7871)."""
    data = struct.pack(">HBB", 1, 24, 0) + bytes([10, number >> 8, number & 255])
    return struct.pack(">HH", 8, len(data)) + data


def shuffled():
    numbers = list(range(SUBNETS))
    random.Random(7).shuffle(numbers)
    return numbers


WWW = f"www.{ZONE}"
KINDS = {
    "plain": lambda: query(WWW) * 1_000,
    "ecs": lambda: b"".join(query(WWW, options=client_subnet(n)) for n in shuffled()),
    "nxdomain": lambda: b"".join(query(f"no-{n}.{ZONE}") for n in range(SUBNETS)),
    "signed": lambda: b"".join(
        query(WWW, options=client_subnet(n), dnssec=True) for n in shuffled()
    ),
}


def write(folder, kind):
    path = f"{folder}/{kind}.queries"
    with open(path, "wb") as file:
        file.write(KINDS[kind]())
    return path
