"""Queries in the form that dnsperf reads with -B: each after its length."""

import os
import random
import struct

from servers import SUBNETS, ZONE

# More than a server signs in a round.
NEW = 200_000


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


def option(*octets):
    """EDNS Client Subnet of 24 bits (RFC 7871)."""
    data = struct.pack(">HBB", 1, 24, 0) + bytes(octets)
    return struct.pack(">HH", 8, len(data)) + data


def client_subnet(number):
    """10.x.y.0/24."""
    return option(10, number >> 8, number & 255)


def shuffled():
    numbers = list(range(SUBNETS))
    random.Random(7).shuffle(numbers)
    return numbers


def anywhere():
    """Networks of the whole world."""
    chance = random.Random(7)
    return [option(chance.randrange(11, 224), chance.randrange(256), chance.randrange(256)) for _ in range(SUBNETS)]


def new(round, below):
    """Names that were never asked for before this round."""
    return b"".join(query(f"r{round}-{n}.{below}", options=b"", dnssec=True) for n in range(NEW))


WWW = f"www.{ZONE}"
KINDS = {
    "plain": lambda _: query(WWW) * 1_000,
    "ecs": lambda _: b"".join(query(WWW, options=client_subnet(n)) for n in shuffled()),
    "nxdomain": lambda _: b"".join(query(f"no-{n}.{ZONE}") for n in range(SUBNETS)),
    "signed": lambda _: b"".join(query(WWW, options=client_subnet(n), dnssec=True) for n in shuffled()),
    "new-missing": lambda round: new(round, ZONE),
    "new-wildcard": lambda round: new(round, f"new.{ZONE}"),
    "city": lambda _: b"".join(query(WWW, options=subnet) for subnet in anywhere()),
}


def write(folder, kind, round=0):
    """Those that stay the same are written once."""
    of = f"-{round}" if kind.startswith("new") else ""
    path = f"{folder}/{kind}{of}.queries"
    if not os.path.exists(path):
        with open(path + ".new", "wb") as file:
            file.write(KINDS[kind](round))
        os.rename(path + ".new", path)
    return path
