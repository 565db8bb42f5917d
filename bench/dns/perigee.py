"""Perigee: the binary as it is shipped, `perigee geodns`, with edges that answer its probes."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import city
from servers import POPS, SUBNETS, ZONE, Server, addresses, pop_of, subnet, write


class Perigee(Server):
    name = "perigee"
    rate_limit = ""

    def __init__(self, *args):
        Server.__init__(self, *args)
        self.edges = []

    def configure(self):
        rows = "".join(f"{subnet(n)},{POPS[pop_of(n)][0]}\n" for n in range(SUBNETS))
        write(self.folder, "networks.csv", rows)
        text = '[cdn]\nsecret = "not a secret, this is a bench"\n'
        text += f'[dns]\nzone = "{ZONE}"\nttl = "20s"\nnetworks_file = "networks.csv"\n' + self.dns()
        text += "[dns.limits]\nudp_threads = 1\ntcp_threads = 1\n" + self.rate_limit
        for number, (pop, latitude, longitude) in enumerate(POPS):
            text += f'[[pops]]\nname = "{pop}"\nlatitude = {latitude}\nlongitude = {longitude}\n'
            for place, address in enumerate(addresses(number)):
                edge = Edge(f"{pop}-{place + 1}")
                self.edges.append(edge)
                text += f'[[edges]]\nname = "{edge.name}"\npop = "{pop}"\n'
                text += f'listen = ["127.0.0.1:{edge.port}"]\nadmin = "127.0.0.2:{edge.port}"\naddress = "{address}"\n'
        text += f'[[geodns]]\nname = "ns1"\nlisten = ["127.0.0.1:{self.port}"]\n'
        text += f'admin = "127.0.0.2:{self.port}"\n'
        text += '[[services]]\nname = "www"\norigins = ["http://127.0.0.1:9"]\n'
        text += f'[[dns.records]]\nname = "*.new"\ntype = "A"\nttl = "20s"\ndata = {json.dumps(addresses(0))}\n'
        path = write(self.folder, "cdn.toml", text)
        self.prepare(path)
        return [self.binary or "perigee", "geodns", "--config", path, "--node", "ns1"]

    def dns(self):
        return ""

    def prepare(self, config):
        pass

    def stop(self):
        Server.stop(self)
        for edge in self.edges:
            edge.server.shutdown()
            edge.server.server_close()


class Limited(Perigee):
    """This machine has no limit by default. Here its responses are counted as those to others are, with
    limits that it does not reach."""

    name = "perigee, counting"
    kind = "limited"
    rate_limit = "[dns.rate_limit]\nanswers = 1_000_000\nerrors = 1_000_000\nexempt = []\n"


class Signed(Perigee):
    name = "perigee, signed"
    kind = "signed"

    def dns(self):
        return '[dns.dnssec]\nkeys = "keys"\nmax_signatures_per_second = 10_000_000\n'

    def prepare(self, config):
        make = [self.binary or "perigee", "dnssec", "init", "--config", config]
        subprocess.run(make, stdout=self.log, stderr=self.log, check=True)


class Mapped(Perigee):
    """With a City database that is mapped."""

    name = "perigee, City mapped"
    kind = "city"

    def dns(self):
        path = os.path.join(os.path.dirname(self.folder), "city.mmdb")
        city.write(path)
        return f'database = "{path}"\ndatabases_mapped = true\n'


class Edge:
    """Stands in for an edge: it says that it is ready, and no more."""

    def __init__(self, name):
        self.name = name
        body = json.dumps(
            {
                "node": name,
                "draining": False,
                "load": 0.1,
                "config_version": "",
                "purge_revision": 0,
                "uptime": 1000.0,
                "capacity": 1000,
                "spill": 0.0,
            }
        ).encode()

        class Ready(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
