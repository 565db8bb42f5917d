"""The peers, configured to answer the same as far as they can: NSD and BIND have no table of subnets,
and answer everybody with the first PoP."""

import os
import subprocess

from servers import POPS, SUBNETS, ZONE, ZONE_FILE, Server, addresses, fixed, pop_of, subnet, write


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
  listen = 127.0.0.1:{self.port}, udp_threads = 1, tcp_threads = 1,
  run_dir = {self.folder}/run, state_dir = {self.folder}/state
}}
plugins => {{ geoip => {{
  maps => {{ m => {{ datacenters => [{names}], nets = nets }} }},
  resources => {{ www => {{ map => m, dcmap => {{ {pops} }} }} }}
}} }}
"""
        write(self.folder, "config", config)
        return [self.binary or "gdnsd", "-c", self.folder, "start"]


class Knot(Server):
    name = "knot"
    zone = "    module: mod-geoip/geo\n"
    policy = ""
    geo = ""
    records = fixed("www")

    def configure(self):
        geo = "www.cdn.test:\n"
        for number in range(SUBNETS):
            listed = ", ".join(addresses(pop_of(number)))
            geo += f"  - net: {subnet(number)}\n    A: [{listed}]\n"
        path = write(self.folder, "geo.conf", geo)
        # Who fits nowhere is at the first PoP.
        write(self.folder, f"{ZONE}.zone", ZONE_FILE + self.records)
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
{self.policy}
mod-geoip:
  - id: geo
    config-file: {path}
    ttl: 20
    mode: subnet
{self.geo}
template:
  - id: default
    storage: {self.folder}
zone:
  - domain: {ZONE}
    file: {ZONE}.zone
    zonefile-sync: -1
    journal-content: none
{self.zone}
"""
        return [self.binary or "knotd", "-c", write(self.folder, "knot.conf", config)]


class KnotSigned(Knot):
    """All geo answers signed when it starts."""

    name = "knot, pre-signed"
    kind = "signed"
    zone = Knot.zone + "    dnssec-signing: on\n    dnssec-policy: bench\n"
    policy = "policy:\n  - id: bench\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
    geo = "    dnssec: on\n    policy: bench\n"


class KnotOnline(Knot):
    """Each answer signed as it is asked for; no places."""

    name = "knot, online"
    kind = "online"
    zone = "    module: mod-onlinesign/online\n"
    policy = (
        "policy:\n  - id: bench\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n"
        "mod-onlinesign:\n  - id: online\n    policy: bench\n"
    )
    records = fixed("www") + fixed("*.new")


class Nsd(Server):
    name = "nsd"

    def configure(self):
        zone = write(self.folder, f"{ZONE}.zone", ZONE_FILE + fixed("www"))
        config = f"""
server:
    server-count: 1
    ip-address: 127.0.0.1@{self.port}
    username: ""
    zonesdir: "{self.folder}"
    zonelistfile: "{self.folder}/zone.list"
    xfrdfile: "{self.folder}/xfrd.state"
    xfrdir: "{self.folder}"
    pidfile: ""
    database: ""
    logfile: "{self.folder}/nsd.log"
    tcp-count: 1000
    minimal-responses: yes
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: {self.zone(zone)}
"""
        return [self.binary or "nsd", "-d", "-c", write(self.folder, "nsd.conf", config)]

    def zone(self, path):
        return path


class Bind(Server):
    name = "bind"

    def configure(self):
        zone = write(self.folder, f"{ZONE}.zone", ZONE_FILE + fixed("www"))
        config = f"""
options {{
    directory "{self.folder}";
    listen-on port {self.port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    notify no;
    minimal-responses yes;
    dnssec-validation no;
    tcp-clients 1000;
    tcp-listen-queue 100;
}};
controls {{}};
zone "{ZONE}" {{ type primary; file "{self.zone(zone)}"; }};
"""
        path = write(self.folder, "named.conf", config)
        return [self.binary or "named", "-f", "-n", "1", "-c", path]

    def zone(self, path):
        return path


def signed(path):
    """The zone in a file, signed; the file with that."""
    folder = os.path.dirname(path)
    make = f"dnssec-keygen -q -a ECDSAP256SHA256 -f KSK {ZONE} && dnssec-keygen -q -a ECDSAP256SHA256 {ZONE}"
    sign = f"dnssec-signzone -q -S -o {ZONE} -f {path}.signed {path}"
    subprocess.run(f"{make} && {sign}", shell=True, check=True, cwd=folder, capture_output=True)
    return path + ".signed"


class NsdSigned(Nsd):
    name = "nsd, pre-signed"
    kind = "signed"

    def zone(self, path):
        return signed(path)


class BindSigned(Bind):
    name = "bind, pre-signed"
    kind = "signed"

    def zone(self, path):
        return signed(path)


class Powerdns(Server):
    name = "powerdns"
    more = ""

    def configure(self):
        records = f"  {ZONE}:\n    - soa: ns1.{ZONE} hostmaster.{ZONE} 1 3600 900 1209600 60\n    - ns: ns1.{ZONE}\n"
        records += f"  ns1.{ZONE}:\n    - a: 127.0.0.1\n"
        for number, (pop, _, _) in enumerate(POPS):
            records += f"  {pop}.pop.{ZONE}:\n"
            records += "".join(f"    - a: {address}\n" for address in addresses(number))
        nets = "".join(
            f"    {subnet(n)}: {POPS[pop_of(n)][0]}.pop.{ZONE}\n" for n in range(SUBNETS)
        )
        text = f"domains:\n- domain: {ZONE}\n  ttl: 20\n  records:\n"
        text += "".join(f"  {line}\n" for line in records.splitlines())
        text += f"  services:\n    www.{ZONE}:\n      default: [ fra.pop.{ZONE} ]\n"
        text += "".join(f"  {line}\n" for line in nets.splitlines())
        path = write(self.folder, "zones.yaml", text)
        config = f"""
launch=geoip
geoip-zones-file={path}
geoip-database-files=
edns-subnet-processing=yes
local-address=127.0.0.1
local-port={self.port}
socket-dir={self.folder}
receiver-threads=1
distributor-threads=1
signing-threads=1
max-tcp-connections=1000
guardian=no
daemon=no
loglevel=3
{self.more}
"""
        write(self.folder, "pdns.conf", config)
        self.prepare()
        return [self.binary or "pdns_server", f"--config-dir={self.folder}"]

    def prepare(self):
        pass


class PowerdnsSigned(Powerdns):
    name = "powerdns, online"
    kind = "signed"

    def configure(self):
        keys = os.path.join(self.folder, "keys")
        os.makedirs(keys)
        self.more = f"geoip-dnssec-keydir={keys}\n"
        return Powerdns.configure(self)

    def prepare(self):
        make = ["pdnsutil", f"--config-dir={self.folder}", "add-zone-key", ZONE, "ksk", "active", "ecdsa256"]
        subprocess.run(make, stdout=self.log, stderr=self.log, check=True)
