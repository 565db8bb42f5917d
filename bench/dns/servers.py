"""What all servers answer: www.cdn.test, by 20,000 subnets; and what is the same for all of them.

PoPs differ between neighbouring subnets, so that no server can merge them.
"""

import glob
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


def fixed(name):
    """Records for a server that has no places: the first PoP."""
    return "".join(f"{name} 20 A {address}\n" for address in addresses(0))


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


class Server:
    """Writes its configuration into a folder of its own and runs from there, with one thread each
    for UDP and TCP where it has threads for either."""

    name = ""
    # Which rows it is in.
    kind = "plain"

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
        self.log = open(os.path.join(self.folder, "log"), "w")
        command = ["taskset", "-c", str(core)] + self.configure()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def processes(self):
        """Itself, and those that it has started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path) as file:
                    todo += [int(child) for child in file.read().split()]
        return found

    def cpu(self):
        """CPU seconds used so far by all threads: together, to the nanosecond, and those in user and
        kernel mode, to the tick."""
        total, user, kernel = 0.0, 0, 0
        for pid in self.processes():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path) as file:
                    total += int(file.read().split()[0]) / 1e9
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            user, kernel = user + int(fields[11]), kernel + int(fields[12])
        tick = os.sysconf("SC_CLK_TCK")
        return total, user / tick, kernel / tick

    def resident(self):
        """Resident memory in MB: its own, and of files that are mapped, its program among them."""
        own, files = 0, 0
        for pid in self.processes():
            with open(f"/proc/{pid}/status") as file:
                lines = dict(line.split(":", 1) for line in file)
            own += int(lines["RssAnon"].split()[0])
            files += int(lines["RssFile"].split()[0])
        return own / 1024, files / 1024
