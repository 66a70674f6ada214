#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The whole path out of the emulated machine: sender inside, receiver and wall outside, with the sender's own test sources.
What fails here is the machine's or the network's fault; vm_camera.py stands on it."""
import time

from machine import Machine
from sightline import Site, check, program, run_tests
from wall import Wall, enrol, strength

SOURCE = ["--video", "test", "--audio", "test", "--size", "320x240", "--fps", "10", "--bitrate", "300k"]
CHORD = (220, 277.18, 329.63)  # sender/audio_test.c


def picture_and_sound():
    with Site() as site, Machine("sch_netem") as machine:
        print(f"booted in {machine.boot_seconds:.1f} s", flush=True)
        sender = machine.start(program("sender"), *enrol(site, "yard"), *SOURCE, "--stats", "1s")
        sender.wait_line("^live yard$")
        wall = Wall(site, "yard", "320x240")
        wall.wait_shown()
        heard_within(wall, 60)

        # Netem is what the kernel out here may lack: a fifth of what the sender sends never arrives.
        machine.check("tc qdisc add dev eth0 root netem loss 20% delay 20ms")
        sender.wait_line(r"^stats .* loss=(?!0\.0)", since=sender.mark())
        machine.check("tc qdisc del dev eth0 root")
        wall.wait_shown()

        picture = wall.leave()
        check((picture.width, picture.height) == (320, 240), f"{picture.width}x{picture.height}")
        check(picture.colourful(0, 0, 320, 240) > 0.5, "no picture")
        check(sender.stop() == 0, f"the sender's exit status: {sender.status()}")


def heard_within(wall, seconds):
    """The chord is there, and nothing between its notes."""
    end = time.monotonic() + seconds
    while True:
        time.sleep(1)
        samples = wall.samples(1)
        notes = [strength(samples, hz, 0.25) for hz in CHORD]
        between = max(strength(samples, hz, 0.25) for hz in (250, 300))
        if min(notes) > 0.005 and min(notes) > 3 * between:
            return
        check(time.monotonic() < end, f"the wall hears no chord: {notes}, beside it {between}")


run_tests([picture_and_sound])
