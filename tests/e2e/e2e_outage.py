#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The link goes and comes back, or its address changes: so does the picture, with nothing typed anywhere.

The real programs, each in a network namespace of its own, behind one router:

    sender yard ──┐             ┌── receiver
                  ├── router ───┤
    sender gate ──┘             └── viewer

The router drops what comes from and goes to one of them without a word, as a dead cable far away does: this shows what
TCP makes of it. How fast the picture is back is printed and judged against SL_E2E_LIMIT seconds (default 10: a shared
machine may be slow; by hand 2 is asked). SL_E2E_OUTAGES=20,40,600 are further lengths in seconds, for each link."""
import contextlib
import os
import shutil
import subprocess
import sys
import time

from sightline import SKIP, Site, check, program, run_tests

LIMIT = float(os.environ.get("SL_E2E_LIMIT", "10"))
FURTHER = [float(word) for word in os.environ.get("SL_E2E_OUTAGES", "").split(",") if word]
CAMERA = ["--video", "test", "--audio", "test", "--size", "320x180", "--fps", "15"]
PLACES = {"receiver": 1, "yard": 2, "gate": 3, "viewer": 4}  # third byte of their addresses
PREFIX = None  # of the names of its namespaces; each test, a process of its own, has a network of its own
DROP = 100  # the priority of the router's rules that drop


def ip(place, *commands):
    """Runs `ip` in a namespace (None: here), all commands at once; True if it took them."""
    name = [] if place is None else ["-n", PREFIX + place]
    done = subprocess.run(["ip", *name, "-batch", "-"], input="\n".join(commands) + "\n", text=True, capture_output=True,
                          check=False)
    return done.returncode == 0


@contextlib.contextmanager
def cables():
    """Leaves with CTest's skip code where that is not allowed."""
    global PREFIX  # pylint: disable=global-statement
    PREFIX = f"sl{os.getpid()}-"
    try:
        make_network()
        yield
    finally:
        for place in ("router", *PLACES):
            ip(None, f"netns del {PREFIX}{place}")


def make_network():
    made = shutil.which("ip") and ip(None, f"netns add {PREFIX}router") and ip("router", "link set lo up")
    made = made and subprocess.run(["ip", "netns", "exec", PREFIX + "router", "sysctl", "-qw", "net.ipv4.ip_forward=1"],
                                   check=False).returncode == 0
    for place, number in PLACES.items():
        made = made and ip(None, f"netns add {PREFIX}{place}") and ip(
            "router", f"link add {place} type veth peer name eth0 netns {PREFIX}{place}",
            f"addr add 10.0.{number}.1/24 dev {place}", f"link set {place} up") and ip(
            place, "link set lo up", f"addr add 10.0.{number}.2/24 dev eth0", "link set eth0 up",
            f"route add default via 10.0.{number}.1")
    if not made or not (drop("gate", "ipproto udp") and mend("gate", "ipproto udp")):
        print("skipped: no network namespaces can be made here")
        sys.exit(SKIP)


def rules(verb, place, what):
    net = f"10.0.{PLACES[place]}.0/24"
    return ip("router", *(f"rule {verb} pref {DROP} {way} {net} {what} blackhole" for way in ("from", "to")))


def drop(place, what=""):
    return rules("add", place, what)


def mend(place, what=""):
    return rules("del", place, what)


class Network(Site):
    """A receiver, two cameras and a wall, each where its name says."""

    def __init__(self, wall=True):
        super().__init__(receiver=False)
        self.want_wall = wall
        self.host = "10.0.1.2:0"
        self.place = None
        self.addresses = dict.fromkeys(PLACES, 2)

    def run(self, name, *args, env=None, stdin=None):
        place = name if name in PLACES else self.place
        return super().run(name, "ip", "netns", "exec", PREFIX + place, *args, env=env, stdin=stdin)

    def __enter__(self):
        super().__enter__()
        try:
            self.start_receiver()
            if not self.want_wall:
                return self
            for self.place in ("yard", "gate"):
                self.sender(self.add_camera(self.place), *CAMERA).wait_line(f"live {self.place}")
            self.wall = self.viewer("--size", "640x180", "--stats", "50ms")
            for camera in ("yard", "gate"):
                self.wait_shown(camera, 0)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def wait_shown(self, camera, mark, timeout=60):
        """Waits for the first pictures of `camera` after `mark`; when they were there."""
        pattern = rf"^stats {camera} live shown (?!0\.0)"
        found = self.wall.wait_line(pattern, timeout=timeout, since=mark).string
        return next(when for when, _, line in self.wall.lines[mark:] if line == found)

    def wait_gone(self, mark):
        self.wall.wait_line(r"^stats yard (?!live)", since=mark)

    def sender_without_names(self, link):
        """A sender in the place of gate whose name server does not answer; `link` names the receiver."""
        resolver = os.path.join(self.dir, "resolv.conf")
        with open(resolver, "w", encoding="ascii") as file:
            file.write("nameserver 10.0.4.9\noptions timeout:30 attempts:5\n")
        return super().run("sender", "ip", "netns", "exec", PREFIX + "gate", "sh", "-c",
                           'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver, program("sender"), "--to", link, *CAMERA)

    def move(self, place):
        """Another address, and the one before is gone."""
        old, net = self.addresses[place], f"10.0.{PLACES[place]}"
        self.addresses[place] = old + 1
        check(ip(place, f"addr del {net}.{old}/24 dev eth0", f"addr add {net}.{old + 1}/24 dev eth0",
                 f"route add default via {net}.1"), "the address could not be changed")

    def judge(self, what, others, start, mark):
        """How long after `start` the picture of yard was there, by the lines from `mark` on; gate had pictures all the
        while since `others`, if it is not None."""
        took = max(self.wait_shown("yard", mark) - start, 0)
        print(f"        {what}: picture back after {took:.2f} s", flush=True)
        check(took <= LIMIT, f"{what}: {took:.2f} s, limit {LIMIT} s")
        self.wait_shown("gate", mark)
        if others is not None:
            lines = [line for _, _, line in self.wall.lines[others:] if line.startswith("stats gate ")]
            check(not any("connecting" in line for line in lines), f"{what}: gate lost its connection as well")
        time.sleep(1)  # a session that ends young is not replaced at once

    def black_out(self, place, seconds, what=""):
        mark = self.wall.mark()
        others = mark if place == "yard" else None
        check(drop(place, what), "ip rule")
        end = time.monotonic() + seconds
        if seconds >= 2:
            self.wait_gone(mark)
        time.sleep(max(end - time.monotonic(), 0))
        mark = self.wall.mark()
        check(mend(place, what), "ip rule")
        self.judge(f"{place}, {seconds:g} s {what or 'of nothing'}", others, time.monotonic(), mark)


def lose_power(site):
    """The receiver's machine: to what is left of the old connections nobody answers, and then a stranger."""
    mark = site.wall.mark()
    check(drop("receiver"), "ip rule")
    site.receiver.kill()
    site.wait_gone(mark)
    site.start_receiver()
    mark = site.wall.mark()
    check(mend("receiver"), "ip rule")
    site.judge("receiver started anew", None, time.monotonic(), mark)


def change_address(site, place):
    before = site.wall.mark()
    site.move(place)
    start = time.monotonic()
    time.sleep(1)  # what was on its way is shown by then
    site.judge(f"{place} at a new address", before if place == "yard" else None, start, site.wall.mark())


def test_a_camera_comes_back():
    with cables(), Network() as site:
        site.black_out("yard", 1)
        site.black_out("yard", 4)
        site.black_out("yard", 3, "ipproto udp")
        change_address(site, "yard")


def test_the_others_come_back():
    with cables(), Network() as site:
        site.black_out("viewer", 3)
        site.black_out("receiver", 3)
        change_address(site, "viewer")
        lose_power(site)


def test_back_after_what_a_receiver_remembers():
    with cables(), Network() as site:
        for seconds in (16, *FURTHER):
            site.black_out("yard", seconds)
        for seconds in FURTHER:
            site.black_out("viewer", seconds)
            site.black_out("receiver", seconds)


def test_name_server_out_of_reach():
    """libcurl's thread that waits for it must hold nobody up."""
    with cables(), Network(wall=False) as site:
        sender = site.sender_without_names(site.add_camera("porch").replace("10.0.1.2", "receiver.test"))
        sender.wait_line("cannot connect", tag="err")
        check(sender.stop(timeout=10) == 0, "the sender did not leave with 0")


run_tests([], beside=[test_back_after_what_a_receiver_remembers, test_a_camera_comes_back, test_the_others_come_back,
                      test_name_server_out_of_reach])
