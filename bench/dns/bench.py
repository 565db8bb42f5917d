#!/usr/bin/env python3
"""Queries per CPU second of the server, beside peers, in interleaved rounds. See README.md."""

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

import peers
import perigee
import queries

UDP = ["-c", "20", "-q", "200", "-t", "1"]
TCP = ["-m", "tcp", "-c", "20", "-q", "500"]
# Name, kind of queries, what dnsperf is told, which servers.
ROWS = [
    ("geo A, no ECS", "plain", UDP, ("plain", "limited")),
    ("geo A, ECS over 20,000 subnets", "ecs", UDP, ("plain", "limited")),
    ("NXDOMAIN", "nxdomain", UDP, ("plain", "limited")),
    ("TCP, kept connections, ECS", "ecs", TCP, ("plain",)),
    ("geo A signed, DO=1, ECS", "signed", UDP, ("signed",)),
    ("every answer new: names that are not there, DO=1", "new-missing", UDP, ("signed-here", "online")),
    ("every answer new: names of a wildcard, DO=1", "new-wildcard", UDP, ("signed-here", "online")),
    ("geo A, ECS from everywhere, City mapped", "city", UDP, ("city",)),
]
KNOWN = [
    perigee.Perigee,
    peers.Gdnsd,
    peers.Nsd,
    peers.Knot,
    peers.Bind,
    peers.Powerdns,
    perigee.Limited,
    perigee.Signed,
    peers.KnotSigned,
    peers.NsdSigned,
    peers.BindSigned,
    peers.PowerdnsSigned,
    peers.KnotOnline,
    perigee.Mapped,
]
# Beside whom latency is measured.
LATENCY = ["perigee", "gdnsd", "knot", "nsd"]


def is_in(server, kinds):
    return server.kind in kinds or ("signed-here" in kinds and isinstance(server, perigee.Signed))


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def until_it_answers(server):
    question = queries.query(queries.WWW, options=queries.client_subnet(1))[2:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            udp.sendto(question, ("127.0.0.1", server.port))
            try:
                answer = udp.recv(4096)
            except OSError:
                time.sleep(0.05)
                continue
            if answer[3] & 15 == 0 and answer[7] == 2:
                return
        with open(os.path.join(server.folder, "log"), errors="replace") as log:
            raise RuntimeError(f"it does not answer; {' '.join(log.read().split())[-300:]}")


def works(server, step):
    """Whether it did; a server that did not is left out."""
    try:
        step()
        return True
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"without {server.name}: {error}", flush=True)
        server.stop()
        return False


def run(server, arguments, path, seconds, core):
    """One round: queries answered, lost ones, their rate, and CPU seconds of the server (see `Server.cpu`)."""
    command = ["taskset", "-c", str(core), "dnsperf", "-s", "127.0.0.1", "-p", str(server.port)]
    command += ["-B", "-d", path, "-l", str(seconds)] + arguments
    before = server.cpu()
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=float(seconds) + 20).stdout
    after = server.cpu()
    completed = int(re.search(r"Queries completed:\s+(\d+)", out)[1])
    lost = int(re.search(r"Queries lost:\s+(\d+)", out)[1])
    rate = float(re.search(r"Queries per second:\s+([\d.]+)", out)[1])
    size = int(re.search(r"response (\d+)", out)[1])
    spent, user, kernel = (b - a for a, b in zip(before, after))
    # What threads used that have ended is in the ticks alone.
    if spent < 0.9 * (user + kernel):
        spent = user + kernel
    return completed, lost, rate, size, [spent, user, kernel]


def latency(server, path, core, seconds):
    """Median and 99th percentile in microseconds at 5,000 queries per second."""
    command = ["taskset", "-c", str(core), "dnsperf", "-s", "127.0.0.1", "-p", str(server.port)]
    command += ["-B", "-d", path, "-l", str(seconds), "-Q", "5000", "-c", "20", "-v"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times = sorted(float(t) for t in re.findall(r"^> \S+ .* (\d+\.\d+)$", out, re.M))
    return [1e6 * times[int(len(times) * share)] for share in (0.5, 0.99)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="/tmp/perigee-bench-dns")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--rows", default="", help="numbers from 1, separated by commas")
    parser.add_argument("--servers", default="", help="names, separated by semicolons")
    parser.add_argument("--binary", action="append", default=[], help="NAME=PATH")
    parser.add_argument("--also", action="append", default=[], help="PATH of another perigee, beside the first")
    parser.add_argument("--no-latency", action="store_true")
    args = parser.parse_args()
    binaries = dict(pair.split("=", 1) for pair in args.binary)
    chosen = [n.strip() for n in args.servers.split(";") if n]
    rows = [ROWS[int(n) - 1] for n in args.rows.split(",") if n] or ROWS
    os.makedirs(args.folder, exist_ok=True)

    running = []
    for kind in KNOWN:
        if chosen and kind.name not in chosen:
            continue
        binary = binaries.get(kind.name) or binaries.get(kind.name.split(",")[0])
        running.append(kind(os.path.join(args.folder, re.sub(r"\W+", "-", kind.name)), free_port(), binary))
        for number, path in enumerate(args.also if issubclass(kind, perigee.Perigee) else []):
            other = kind(f"{running[-1].folder}-{number}", free_port(), path)
            other.name += f" ({number + 2})"
            running.append(other)
    running = [server for server in running if any(is_in(server, row[3]) for row in rows)]
    # Who is told to end ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    try:
        running = [server for server in running if works(server, lambda: server.start(args.server_core))]
        running = [server for server in running if works(server, lambda: until_it_answers(server))]
        at_rest = {server.name: server.resident() for server in running}
        for row in rows:
            measure(row, running, args)
        if not args.no_latency:
            latencies(running, args)
        print("resident memory in MB: own and of files, before the rows and after them")
        for server in running:
            numbers = [*at_rest[server.name], *server.resident()]
            print(f"  {server.name:20}" + "".join(f"{number:8.1f}" for number in numbers))
    finally:
        for server in running:
            server.stop()


def in_turn(servers, round):
    """Each one begins."""
    first = round % len(servers)
    return servers[first:] + servers[:first]


def measure(row, running, args):
    title, kind, arguments, kinds = row
    concerned = [server for server in running if is_in(server, kinds)]
    if not concerned:
        return
    results = {server.name: [] for server in concerned}
    # Connections take their time to come about.
    seconds = args.seconds * 2 if arguments is TCP else args.seconds
    for round in range(args.rounds):
        path = queries.write(args.folder, kind, round)
        # New names are asked for once.
        once = ["-n", "1"] if kind.startswith("new") else []
        for server in in_turn(concerned, round):
            if server.name not in results:
                continue
            try:
                done = run(server, arguments + once, path, f"{seconds:g}", args.client_core)
            except subprocess.SubprocessError as error:
                del results[server.name]
                print(f"without {server.name}: {error}", flush=True)
            else:
                results[server.name].append(done)
    print(f"{title} (load of the machine {os.getloadavg()[0]:.1f})")
    for name, rounds in results.items():
        per_cpu = sorted(done / max(cpu[0], 0.001) for done, _, _, _, cpu in rounds)
        done = max(sum(r[0] for r in rounds), 1)
        print(
            f"  {name:20} {statistics.median(per_cpu) / 1e3:8.1f} k/CPU-s"
            f"  ({per_cpu[0] / 1e3:.1f} to {per_cpu[-1] / 1e3:.1f})"
            f"  user {1e9 * sum(r[4][1] for r in rounds) / done:.0f} ns"
            f"  kernel {1e9 * sum(r[4][2] for r in rounds) / done:.0f} ns"
            f"  {statistics.median(r[2] for r in rounds) / 1e3:.1f} k/s, lost {sum(r[1] for r in rounds)},"
            f" {rounds[0][3]} octets",
            flush=True,
        )


def latencies(running, args):
    path = queries.write(args.folder, "ecs")
    concerned = [server for server in running if server.name in LATENCY]
    results = {server.name: [] for server in concerned}
    # What else runs makes a 99th percentile many times as high: many short rounds, of which few are hit.
    for round in range(2 * args.rounds + 1):
        for server in in_turn(concerned, round):
            results[server.name].append(latency(server, path, args.client_core, 1))
    print("latency at 5,000 queries per second in us: median, 99th percentile")
    for name, rounds in results.items():
        middle, high = (statistics.median(r[n] for r in rounds) for n in (0, 1))
        least, most = (pick(r[1] for r in rounds) for pick in (min, max))
        print(f"  {name:20} {middle:8.0f} {high:8.0f}  ({least:.0f} to {most:.0f})")


if __name__ == "__main__":
    main()
