#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sender with a V4L2 camera that encodes (tests/support/v4l2): its H.264 is on the wall, asked for key frames, kept to the
link."""
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sightline import BUILD, SOURCE, Site, check, program, run_tests  # noqa: E402

CAMERA = os.path.join(BUILD, "tests", "libv4l2_encoding_camera.so")
PEOPLE = os.path.join(SOURCE, "tests", "media", "people.mp4")
NODE = "/dev/video-that-encodes"
FORCE_KEY, BITRATE = "9909e5", "9909cf"
MEDIA = tempfile.mkdtemp(prefix="sightline-camera-")


def units():
    """A file of access units with a key frame every 20 s: who joins cannot wait for it."""
    path = os.path.join(MEDIA, "units")
    if not os.path.exists(path):
        made = subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", PEOPLE, "-an", "-s", "384x288", "-r", "30",
                               "-frames:v", "900", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
                               "-b:v", "500k", "-g", "600", "-sc_threshold", "0", "-aud", "1", "-f", "h264", "-"],
                              check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        starts = [found.start() for found in re.finditer(b"\0\0\0\1\x09", made)] + [len(made)]
        check(len(starts) == 901, f"{len(starts) - 1} units")
        with open(path, "wb") as out:
            for begin, end in zip(starts, starts[1:]):
                out.write(struct.pack("<I", end - begin) + made[begin:end])
    return path


def start(site, *args, camera_format="h264"):
    log = os.path.join(site.dir, "controls")
    env = {"LD_PRELOAD": CAMERA, "SIGHTLINE_CAMERA": NODE, "SIGHTLINE_CAMERA_UNITS": units(), "SIGHTLINE_CAMERA_LOG": log}
    sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), "--video", "v4l2:" + NODE,
                      "--format", camera_format, "--stats", "1s", *args, env=env)
    return sender, log


def set_to(log, control):
    with open(log, encoding="ascii") as lines:
        return [int(line.split()[1]) for line in lines if line.split()[0] == control]


def on_the_wall():
    with Site() as site:
        sender, log = start(site, "--bitrate", "600k", "--motion", "on", "--verbose", camera_format="auto")
        sender.wait_line("^live yard", timeout=30)
        said = "\n".join(sender.err())
        check("bit rate 600 kb/s, follows the link; key frames when asked for" in said, said)
        check("it comes encoded and is sent as it is; not used: --motion\n" in said + "\n", said)
        check(set_to(log, BITRATE)[0] == 600000, set_to(log, BITRATE))
        viewer = site.viewer("--stats", "1s")
        viewer.wait_line(r"^stats yard live shown [1-9]", timeout=15)
        viewer.wait_line(r"^stats yard live shown (2[5-9]|3[0-5])", since=viewer.mark(), timeout=15)
        asked = len(set_to(log, FORCE_KEY))
        check(1 <= asked < 20, f"asked for {asked} key frames")
        check(viewer.stop() == 0, "viewer")
        check(sender.stop() == 0, sender.err())


def it_follows_the_link():
    """What it is set to: this camera goes on as it was made, so that pictures are left out, and key frames asked for."""
    with Site() as site:
        _, via = site.impair(site.media_port(), "up.rate=350", "up.queue=200")
        sender, log = start(site, "--bitrate", "600k", "--via", via)
        sender.wait_line("^live yard", timeout=30)
        asked, end = 0, time.monotonic() + 20
        while time.monotonic() < end and (min(set_to(log, BITRATE)) > 400000 or asked < 2):
            sender.wait_line("^stats ", since=sender.mark())
            asked = len(set_to(log, FORCE_KEY))
        check(50000 <= min(set_to(log, BITRATE)) <= 400000, set_to(log, BITRATE))
        check(asked >= 2, f"asked for {asked} key frames")
        check(sender.stop() == 0, sender.err())


if __name__ == "__main__":
    units()  # for both
    run_tests([], beside=[it_follows_the_link, on_the_wall])
