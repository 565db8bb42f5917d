"""The servers, each with a configuration that answers the same: www.cdn.test by 20,000 subnets.

PoPs differ between neighbouring subnets, so that no server can merge them.
"""

import os
import shutil
import subprocess

SUBNETS = 20_000
ZONE = "cdn.test"
# Name, latitude, longitude; each has two addresses.
POPS = [("fra", 50.1, 8.7), ("nyc", 40.7, -74.0), ("sin", 1.3, 103.8), ("syd", -33.9, 151.2)]
ZONE_FILE = """\
$ORIGIN cdn.test.
$TTL 60
@ SOA ns1 hostmaster 1 3600 900 1209600 60
@ NS ns1
ns1 A 127.0.0.1
"""


def subnet(number):
    """10.0.0.0/24, 10.0.1.0/24, ..."""
    return f"10.{number >> 8}.{number & 255}.0/24"


def pop_of(number):
    return number * 7 % len(POPS)


def addresses(pop):
    return [f"192.0.2.{10 * pop + 1}", f"192.0.2.{10 * pop + 2}"]


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


class Server:
    """Writes its configuration into a folder of its own and runs from there, with one thread each
    for UDP and TCP."""

    name = ""
    signed = False

    def __init__(self, folder, port, binary):
        self.folder, self.port, self.binary = folder, port, binary
        self.process = None

    def configure(self):
        """Writes the files and gives the command."""
        raise NotImplementedError

    def start(self, core):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        log = open(os.path.join(self.folder, "log"), "w")
        command = ["taskset", "-c", str(core)] + self.configure()
        self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def cpu(self):
        """CPU seconds used so far, in user and in kernel mode, by all threads."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def resident(self):
        """Resident memory in MB."""
        with open(f"/proc/{self.process.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


class Perigee(Server):
    name = "perigee"

    def configure(self):
        text = '[cdn]\nsecret = "not a secret, this is a bench"\n'
        text += f'[dns]\nzone = "{ZONE}"\nttl = "20s"\n' + self.dns()
        text += "[dns.limits]\nudp_threads = 1\ntcp_threads = 1\n"
        by_pop = {}
        for number in range(SUBNETS):
            by_pop.setdefault(pop_of(number), []).append(f'"{subnet(number)}"')
        for pop, networks in by_pop.items():
            listed = ", ".join(networks)
            text += f'[[dns.networks]]\npop = "{POPS[pop][0]}"\nnetworks = [{listed}]\n'
        for number, (pop, latitude, longitude) in enumerate(POPS):
            text += f'[[pops]]\nname = "{pop}"\nlatitude = {latitude}\nlongitude = {longitude}\n'
            for edge, address in enumerate(addresses(number)):
                text += f'[[edges]]\nname = "{pop}-{edge}"\npop = "{pop}"\n'
                text += f'listen = ["{address}:80"]\n'
        text += f'[[geodns]]\nname = "ns1"\nlisten = ["127.0.0.1:{self.port}"]\n'
        text += '[[services]]\nname = "www"\norigin = "http://127.0.0.1:9"\n'
        # Nobody probes: the edges do not exist, and are taken to be up.
        text += '[health]\ninterval = "1h"\n'
        path = write(self.folder, "cdn.toml", text)
        return [self.binary or "perigee", "geodns", "--config", path, "--node", "ns1"]

    def dns(self):
        return ""


class Gdnsd(Server):
    name = "gdnsd"

    def configure(self):
        nets = "".join(f"{subnet(n)} => [{POPS[pop_of(n)][0]}]\n" for n in range(SUBNETS))
        write(self.folder, "geoip/nets", nets)
        write(self.folder, f"zones/{ZONE}", ZONE_FILE + "www 20 DYNA geoip!www\n")
        names = ", ".join(name for name, _, _ in POPS)
        pops = ""
        for number, (name, _, _) in enumerate(POPS):
            first, second = addresses(number)
            pops += f"{name} => {{ a = {first}, b = {second} }}\n"
        config = f"""
options => {{
  listen => 127.0.0.1:{self.port}, udp_threads = 1, tcp_threads = 1,
  run_dir = {self.folder}/run, state_dir = {self.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ m => {{ datacenters => [{names}], nets = nets }} }},
  resources => {{ www => {{ map => m, dcmap => {{ {pops} }} }} }}
}} }}
"""
        config = config.replace("listen =>", "listen =")
        write(self.folder, "config", config)
        return [self.binary or "gdnsd", "-c", self.folder, "start"]


class Knot(Server):
    name = "knot"
    signing = ""

    def configure(self):
        geo = "www.cdn.test:\n"
        for number in range(SUBNETS):
            listed = ", ".join(addresses(pop_of(number)))
            geo += f"  - net: {subnet(number)}\n    A: [{listed}]\n"
        path = write(self.folder, "geo.conf", geo)
        # Who fits nowhere is at the first PoP.
        rest = "".join(f"www 20 A {address}\n" for address in addresses(0))
        write(self.folder, f"{ZONE}.zone", ZONE_FILE + rest)
        config = f"""
server:
    rundir: {self.folder}
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    edns-client-subnet: on
    tcp-max-clients: 1000
database:
    storage: {self.folder}
{self.policy()}
mod-geoip:
  - id: geo
    config-file: {path}
    ttl: 20
    mode: subnet
{self.module()}
template:
  - id: default
    storage: {self.folder}
zone:
  - domain: {ZONE}
    file: {ZONE}.zone
    zonefile-sync: -1
    journal-content: none
    module: mod-geoip/geo
{self.signing}
"""
        return [self.binary or "knotd", "-c", write(self.folder, "knot.conf", config)]

    def policy(self):
        return ""

    def module(self):
        return ""


class KnotSigned(Knot):
    """All geo answers signed when it starts."""

    name = "knot, pre-signed"
    signed = True
    signing = "    dnssec-signing: on\n    dnssec-policy: bench\n"

    def policy(self):
        return "policy:\n  - id: bench\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"

    def module(self):
        return "    dnssec: on\n    policy: bench\n"


class PerigeeSigned(Perigee):
    name = "perigee, signed"
    signed = True

    def dns(self):
        keys = os.path.join(self.folder, "keys")
        return Perigee.dns(self) + f'[dns.dnssec]\nkeys = "{keys}"\n'
