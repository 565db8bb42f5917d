"""A database in MaxMind's format, about as large as a City database is, with made-up places: each
1,024 addresses of IPv4 are somewhere else."""

import array
import os
import struct
import sys
import time

DEPTH = 22
RECORDS = 300_000


def text(value):
    octets = value.encode()
    assert len(octets) < 29
    return bytes([0x40 | len(octets)]) + octets


def number(value, kind):
    """Unsigned: 5 of 16 bits, 6 of 32, and 9 of 64, which is an extended one."""
    octets = value.to_bytes(8, "big").lstrip(b"\0")
    return bytes([len(octets), kind - 7]) + octets if kind > 7 else bytes([kind << 5 | len(octets)]) + octets


def double(value):
    return b"\x68" + struct.pack(">d", value)


def table(entries):
    return bytes([0xE0 | len(entries)]) + b"".join(text(key) + value for key, value in entries.items())


def record(n):
    country = ["DE", "US", "SG", "AU", "BR", "ZA", "JP", "FR"][n % 8]
    continent = ["EU", "NA", "AS", "OC", "SA", "AF", "AS", "EU"][n % 8]
    place = {"latitude": double(n * 37 % 13_000 / 100 - 60), "longitude": double(n * 91 % 36_000 / 100 - 180)}
    return table(
        {
            "city": table({"names": table({"en": text(f"City {n}"), "de": text(f"Stadt {n}")})}),
            "continent": table({"code": text(continent)}),
            "country": table({"iso_code": text(country)}),
            "location": table(place),
        }
    )


def write(path):
    if os.path.exists(path):
        return
    # A whole binary tree, level after level: the children of node n are 2n + 1 and 2n + 2.
    nodes = (1 << DEPTH) - 1
    data, starts = bytearray(), []
    for n in range(RECORDS):
        starts.append(nodes + 16 + len(data))
        data += record(n)
    leaves = (starts[n * 7919 % RECORDS] for n in range(1 << DEPTH))
    tree = array.array("I", range(1, nodes))
    tree.extend(leaves)
    if sys.byteorder == "little":
        tree.byteswap()
    about = table(
        {
            "binary_format_major_version": number(2, 5),
            "binary_format_minor_version": number(0, 5),
            "build_epoch": number(int(time.time()), 9),
            "database_type": text("Made-up-City"),
            "description": table({"en": text("Made up for a bench")}),
            "ip_version": number(4, 5),
            "languages": b"\x01\x04" + text("en"),
            "node_count": number(nodes, 6),
            "record_size": number(32, 5),
        }
    )
    with open(path + ".new", "wb") as file:
        file.write(tree.tobytes() + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + about)
    os.rename(path + ".new", path)
