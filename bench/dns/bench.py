#!/usr/bin/env python3
"""Queries per CPU second of the server, beside peers, in interleaved rounds. See README.md."""

import argparse
import os
import re
import socket
import statistics
import subprocess
import time

import queries
import servers

# Name, kind of queries, what dnsperf is told, whether of a signed zone.
ROWS = [
    ("geo A, no ECS", "plain", ["-c", "20", "-q", "200"], False),
    ("geo A, ECS over 20,000 subnets", "ecs", ["-c", "20", "-q", "200"], False),
    ("NXDOMAIN", "nxdomain", ["-c", "20", "-q", "200"], False),
    ("TCP, kept connections, ECS", "ecs", ["-m", "tcp", "-c", "20", "-q", "500"], False),
    ("geo A signed, DO=1, ECS", "signed", ["-c", "20", "-q", "200"], True),
]
KNOWN = [
    servers.Perigee,
    servers.Gdnsd,
    servers.Knot,
    servers.PerigeeSigned,
    servers.KnotSigned,
]


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def until_it_answers(server):
    question = queries.query(queries.WWW, options=queries.client_subnet(1))[2:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            udp.sendto(question, ("127.0.0.1", server.port))
            try:
                answer = udp.recv(4096)
            except OSError:
                time.sleep(0.05)
                continue
            if answer[3] & 15 == 0 and answer[7] == 2:
                return
        raise SystemExit(f"{server.name} does not answer; see {server.folder}/log")


def run(server, arguments, path, seconds, core):
    """One round: queries answered, and CPU seconds of the server in user and kernel mode."""
    command = ["taskset", "-c", str(core), "dnsperf", "-s", "127.0.0.1", "-p", str(server.port)]
    command += ["-B", "-d", path, "-l", str(seconds)] + arguments
    before = server.cpu()
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = server.cpu()
    completed = int(re.search(r"Queries completed:\s+(\d+)", out)[1])
    lost = int(re.search(r"Queries lost:\s+(\d+)", out)[1])
    rate = float(re.search(r"Queries per second:\s+([\d.]+)", out)[1])
    return completed, lost, rate, after[0] - before[0], after[1] - before[1]


def latency(server, path, core):
    """Median and 99th percentile in microseconds at 5,000 queries per second."""
    command = ["taskset", "-c", str(core), "dnsperf", "-s", "127.0.0.1", "-p", str(server.port)]
    command += ["-B", "-d", path, "-l", "5", "-Q", "5000", "-c", "20", "-v"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times = sorted(float(t) for t in re.findall(r"^> \S+ .* (\d+\.\d+)$", out, re.M))
    if not times:
        return None
    return [1e6 * times[int(len(times) * share)] for share in (0.5, 0.99)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="/tmp/perigee-bench-dns")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--rows", default="", help="numbers from 1, separated by commas")
    parser.add_argument("--servers", default="", help="names, separated by commas")
    parser.add_argument("--binary", action="append", default=[], help="NAME=PATH")
    parser.add_argument("--no-latency", action="store_true")
    args = parser.parse_args()
    binaries = dict(pair.split("=", 1) for pair in args.binary)
    chosen = [n.strip() for n in args.servers.split(",") if n]
    rows = [int(n) - 1 for n in args.rows.split(",") if n] or range(len(ROWS))
    os.makedirs(args.folder, exist_ok=True)

    running = []
    for kind in KNOWN:
        if not chosen or kind.name in chosen:
            folder = os.path.join(args.folder, re.sub(r"\W+", "-", kind.name))
            binary = binaries.get(kind.name) or binaries.get(kind.name.split(",")[0])
            running.append(kind(folder, free_port(), binary))
    try:
        for server in running:
            server.start(args.server_core)
            until_it_answers(server)
        for row in rows:
            measure(ROWS[row], running, args)
        if not args.no_latency:
            path = queries.write(args.folder, "ecs")
            for server in (s for s in running if not s.signed):
                found = latency(server, path, args.client_core)
                if found:
                    print(f"{server.name}: at 5,000 q/s median {found[0]:.0f} us, p99 {found[1]:.0f} us")
        for server in running:
            print(f"{server.name}: {server.resident():.1f} MB resident")
    finally:
        for server in running:
            server.stop()


def measure(row, running, args):
    title, kind, arguments, signed = row
    path = queries.write(args.folder, kind)
    concerned = [server for server in running if server.signed == signed]
    results = {server.name: [] for server in concerned}
    for _ in range(args.rounds):
        for server in concerned:
            results[server.name].append(run(server, arguments, path, args.seconds, args.client_core))
    load = os.getloadavg()[0]
    print(f"{title} (load of the machine {load:.1f})")
    for name, rounds in results.items():
        per_cpu = sorted(done / max(user + kernel, 0.01) for done, _, _, user, kernel in rounds)
        done = sum(r[0] for r in rounds)
        print(
            f"  {name:20} {statistics.median(per_cpu) / 1e3:8.1f} k/CPU-s"
            f"  ({per_cpu[0] / 1e3:.1f} to {per_cpu[-1] / 1e3:.1f})"
            f"  user {1e9 * sum(r[3] for r in rounds) / done:.0f} ns"
            f"  kernel {1e9 * sum(r[4] for r in rounds) / done:.0f} ns"
            f"  {statistics.median(r[2] for r in rounds) / 1e3:.1f} k/s, lost {sum(r[1] for r in rounds)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
