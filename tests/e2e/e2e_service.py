#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs as systemd sees them (Type=notify): the test is the service manager at the other end of the socket."""
import os
import re
import signal
import socket
import time

from sightline import Site, check, program, run_tests

SOURCE = ["--video", "test", "--audio", "none", "--size", "320x180"]


class Manager:
    """The socket in $NOTIFY_SOCKET and what came through it."""

    def __init__(self, name, watchdog=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.env = {"NOTIFY_SOCKET": name}
        if watchdog:
            self.env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.told = []

    def wait(self, pattern, timeout=15):
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            check(left > 0, f"/{pattern}/ was not told within {timeout} s, but {self.told}")
            self.socket.settimeout(left)
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.told.append(text)
            if re.search(pattern, text):
                return text

    def quiet(self, seconds):
        """True if nothing comes."""
        self.socket.settimeout(seconds)
        try:
            self.told.append(self.socket.recv(4096).decode())
            return False
        except TimeoutError:
            return True

    def drain(self):
        while not self.quiet(0.01):
            pass


def test_receiver():
    with Site(receiver=False) as site:
        manager = Manager(os.path.join(site.dir, "notify"))
        receiver = site.run("receiver", program("receiver"), "run", "--data", site.data, "--listen", "127.0.0.1:0",
                            env=manager.env)
        receiver.wait_line("^ready ")
        manager.wait("^READY=1$")
        manager.wait(r"^STATUS=listening on 127\.0\.0\.1:\d+$")
        check(receiver.stop() == 0, "not stopped")
        manager.wait("^STOPPING=1")


def test_sender():
    """Ready though the receiver is away: that is no failure of the sender's. The status tells it."""
    with Site() as site:
        camera = site.add_camera("yard")
        site.receiver.kill()
        manager = Manager(f"@sightline-e2e-{os.getpid()}")
        sender = site.run("sender", program("sender"), "--to", camera, *SOURCE, env=manager.env)
        manager.wait("^READY=1$")
        manager.wait("^STATUS=connecting: .*refused")
        site.start_receiver()
        manager.wait("^STATUS=live$")
        site.receiver.kill()
        manager.wait("^STATUS=reconnecting")
        check(sender.stop() == 0, "not stopped")
        manager.wait("^STOPPING=1")


def test_not_ready_without_a_source():
    with Site() as site:
        manager = Manager(os.path.join(site.dir, "notify"))
        sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), "--video",
                          "file:/no/such/file", env=manager.env)
        check(sender.wait() == 1, "it ran")
        check(manager.quiet(0.1), f"told {manager.told}")


def test_watchdog_is_the_loop():
    """A program that stands still says nothing, and systemd would start it again."""
    with Site() as site:
        manager = Manager(os.path.join(site.dir, "notify"), watchdog=0.5)
        sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), *SOURCE, env=manager.env)
        for _ in range(3):
            manager.wait("^WATCHDOG=1$")
        sender.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        manager.drain()
        try:
            check(manager.quiet(1), "a stopped program is alive")
        finally:
            sender.process.send_signal(signal.SIGCONT)
        manager.wait("^WATCHDOG=1$")


if __name__ == "__main__":
    run_tests([], beside=[test_receiver, test_sender, test_not_ready_without_a_source, test_watchdog_is_the_loop])
