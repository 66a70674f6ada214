#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks for real: a small tmpfs that fills up, one that is unmounted while it is recorded to, and one that becomes
read-only. Live goes on, retention makes room, recording resumes. Mounts are made in a mount namespace of its own."""
import os
import re
import subprocess
import sys
import time

from sightline import Site, check, run_tests, skip, until

SOURCE = ["--video", "test", "--size", "320x180", "--fps", "15", "--bitrate", "1M"]
MARK = "SIGHTLINE_E2E_MOUNTS"


def mount(*args):
    subprocess.run(["mount", *args], check=True, timeout=20)


def listed(site):
    return [line.split("\t") for line in site.admin("recordings", "list")]


def closed(site):
    return [row[5] for row in listed(site) if "recording" not in row[6:]]


def unlisted(site, store):
    """Files that no row names, and that retention has not deleted meanwhile."""
    names = [os.path.join(folder, name) for folder, _, files in os.walk(store) for name in files if name.endswith(".mp4")]
    rows = {os.path.join(store, row[5]) for row in listed(site)}
    return [name for name in names if name not in rows and os.path.exists(name)]


class Disk:
    """A receiver whose recordings are on a tmpfs."""

    def __init__(self, size, *args):
        self.size, self.args = size, args
        self.site = Site(receiver=False)

    def __enter__(self):
        self.path = os.path.join(self.site.dir, "disk")
        os.mkdir(self.path)
        mount("-t", "tmpfs", "-o", f"size={self.size}", "sightline-test", self.path)
        self.site.__enter__()
        self.site.receiver_args = ["--recordings", self.path, "--segment", "1s", *self.args]
        self.site.start_receiver()
        self.site.sender(self.site.add_camera("yard"), *SOURCE).wait_line("^live yard$")
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.site.__exit__(kind, value, trace)
        finally:
            subprocess.run(["umount", "-l", self.path], check=False, capture_output=True, timeout=20)


def test_a_full_disk_keeps_the_newest():
    with Disk("1m", "--min-free", "800k") as disk:
        site = disk.site
        until("a recording", lambda: closed(site))
        first = closed(site)[0]
        site.admin("recordings", "lock", "--camera", "yard", "--from", "-1h", "--to", "now")
        kept = [row[5] for row in listed(site) if "locked" in row[6:]]
        site.receiver.wait_line("retention: .* deleted", tag="err")
        until("more recordings", lambda: len([path for path in closed(site) if path not in kept]) > 0)
        check(first in closed(site), "a locked recording is gone")
        newest = closed(site)[-1]
        until("recording goes on", lambda: closed(site)[-1] != newest)
        until("all files but the newest are listed", lambda: len(unlisted(site, disk.path)) <= 1)


def test_a_disk_that_others_fill_and_free():
    with Disk("4m", "--min-free", "0", "--keep", "0") as disk:
        site = disk.site
        until("a recording", lambda: closed(site))
        filler = os.path.join(disk.path, "somebody-elses")
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        site.receiver.wait_line("full|No space", tag="err", timeout=20)
        before = closed(site)
        os.unlink(filler)
        until("recording resumes", lambda: closed(site)[-1] not in before)
        check(set(before) <= set(closed(site)), "something was deleted")


def test_an_unmounted_disk_gets_nothing_written():
    with Disk("20m") as disk:
        site = disk.site
        until("a recording", lambda: closed(site))
        subprocess.run(["umount", "-l", disk.path], check=True, timeout=20)
        site.receiver.wait_line("is the disk mounted", tag="err", timeout=20)
        check(os.listdir(disk.path) == [], f"written below the mount point: {os.listdir(disk.path)}")
        check(site.receiver.process.poll() is None, "the receiver ended")


def test_a_read_only_disk_and_back():
    with Disk("20m") as disk:
        site = disk.site
        until("a recording", lambda: closed(site))
        # An open file for writing keeps a file system from being made read-only, a bind mount can be.
        mount("--bind", disk.path, disk.path)
        mount("-o", "remount,bind,ro", disk.path)
        site.receiver.wait_line("read-only", tag="err", timeout=20, since=0)
        subprocess.run(["umount", "-l", disk.path], check=True, timeout=20)
        newest = closed(site)[-1]
        until("recording resumes", lambda: closed(site)[-1] != newest)


def fragments(path):
    with open(path, "rb") as file:
        return file.read().count(b"moof")


def kill_in_a_recording(site, store):
    """kill -9 while a file has some fragments and is not closed; that file."""
    while True:
        open_now = [os.path.join(store, row[5]) for row in listed(site) if "recording" in row[6:]]
        if open_now and 2 <= fragments(open_now[0]) <= 4:
            site.receiver.kill()
            if fragments(open_now[0]) <= 6 and open_now[0] in [os.path.join(store, row[5]) for row in listed(site)
                                                               if "recording" in row[6:]]:
                return open_now[0]
            site.start_receiver()
        time.sleep(0.05)


def test_a_disk_that_comes_later_is_recovered_then():
    """Killed while it records, started without its disk: what the kill left is listed once the disk is there, no start later."""
    with Disk("20m", "--segment", "5s") as disk:
        site = disk.site
        until("a recording", lambda: closed(site))
        newest = kill_in_a_recording(site, disk.path)
        with open(newest, "rb") as file:
            os.truncate(newest, file.read().rindex(b"moof") + 50)
        torn = os.path.relpath(newest, disk.path)
        unlisted = os.path.join("yard", "taken-elsewhere.mp4")
        with open(os.path.join(disk.path, closed(site)[0]), "rb") as file:
            whole = file.read()
        start = whole.index(b"sightline.uuid")  # a recording of its own, in no catalogue
        uuid = bytes(re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", whole[whole.index(b"ilst", start):])[0])
        with open(os.path.join(disk.path, unlisted), "wb") as file:
            file.write(whole.replace(uuid, b"0123abcd" + uuid[8:]))
        aside = disk.path + "-aside"
        os.mkdir(aside)
        mount("--move", disk.path, aside)
        site.start_receiver()
        site.receiver.wait_line("is the disk mounted", tag="err", timeout=20)
        check(os.listdir(disk.path) == [], "written below the mount point")
        check(torn not in closed(site) and unlisted not in closed(site), "listed without its disk")
        mount("--move", aside, disk.path)
        until("the torn recording is cut and listed", lambda: torn in closed(site))
        until("the recording that no row named is listed", lambda: unlisted in closed(site))
        site.receiver.wait_line(f"{torn}: .* bytes of a fragment cut", tag="err", timeout=20)
        before = closed(site)
        until("recording goes on", lambda: len(closed(site)) > len(before))
        site.receiver.stop()
        for line in site.admin("check", "--recordings", disk.path):
            print(line)


if __name__ == "__main__":
    if MARK not in os.environ:
        probe = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            skip(f"no file system may be mounted here: {probe.stderr.strip()}")
        os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], {**os.environ, MARK: "1"})
    run_tests([], at_once=4, beside=[test_a_full_disk_keeps_the_newest, test_a_disk_that_others_fill_and_free,
                                     test_an_unmounted_disk_gets_nothing_written, test_a_read_only_disk_and_back,
                                     test_a_disk_that_comes_later_is_recovered_then])
