#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A V4L2 camera and a microphone of the kernel's: what the wall shows and lets hear of them, in every format, and how often
the camera may be unplugged. vivid draws eight bars of known colours; snd-aloop records what is played into its other end."""
import contextlib
import datetime
import json
import math
import os
import struct
import time
import wave

from machine import Machine
from sightline import Site, check, program, run_tests
from wall import RATE, Wall, enrol, level, strength

SIZE = (320, 180)           # vivid's smallest
SMALL = ["--size", "%dx%d" % SIZE, "--fps", "10", "--bitrate", "300k", "--preset", "ultrafast"]
VIVID = "modprobe vivid n_devs=1 node_types=0x1 vid_cap_nr={0} && v4l2-ctl -d /dev/video{0} -c osd_text_mode=2"
# test_pattern 0, "75% Colorbar", from the left
BARS = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)]
RED = [(255, 0, 0)] * 8     # test_pattern 7
TONE = 1000                 # Hz
machine = None              # of the scene that is played
UNPLUGGED = int(os.environ.get("SL_VM_UNPLUGGED", "20"))  # times


@contextlib.contextmanager
def scene():
    """A receiver out here, and a machine with a camera and a microphone, of this scene alone: two scenes run at once."""
    global machine  # pylint: disable=global-statement
    with Site() as site, Machine("snd-aloop") as machine:
        print(f"booted in {machine.boot_seconds:.1f} s")
        machine.check(VIVID.format(0))
        yield site


def start_camera(to, *args):
    sender = machine.start(program("sender"), *to, *SMALL, *args)
    sender.wait_line("^live yard$")
    return sender


def devices():
    """What the sender says there is: (cameras, microphones)."""
    said = json.loads(machine.check(f"{program('sender')} --list-devices --json"))
    return said["cameras"], said["microphones"]


def hang_wall(site):
    return Wall(site, "yard", "%dx%d" % SIZE)


def judge(wall, what, wanted, tolerance=8, timeout=60):
    """The wall comes to show these eight colours from the left to the right. Rounding and libx264 are worth 4."""
    step, end = SIZE[0] // len(wanted), time.monotonic() + timeout
    while True:
        wall.wait_shown()
        rows = wall.look()
        size = (len(rows[0]), len(rows)) if rows else None
        check(size in (SIZE, None), f"{what}: {size}")
        seen = [[rows[y][step // 2 + step * at] for at in range(len(wanted))]
                for y in (SIZE[1] // 4, SIZE[1] * 3 // 4)] if rows else []
        if seen and max(abs(a - b) for line in seen for one, other in zip(line, wanted)
                        for a, b in zip(one, other)) <= tolerance:
            return
        check(time.monotonic() < end, f"{what}: the wall shows {seen}, wanted {wanted}")


def luma(colour):
    """What vivid makes of it in GREY: Rec. 709, full range."""
    return (round(0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]),) * 3


def picture():
    """What is in front of the camera is on the wall, also when it changes; the camera is told to be in use."""
    with scene() as site:
        check(not devices()[0][0]["in_use"], "a camera that nobody uses is in use")
        sender = start_camera(enrol(site, "yard"), "--video", "v4l2:/dev/video0")
        wall = hang_wall(site)
        judge(wall, "bars", BARS)
        machine.check("v4l2-ctl -d /dev/video0 -c test_pattern=7")
        judge(wall, "red", RED)
        check(devices()[0][0]["in_use"], "the camera is not in use while the sender runs")
        check(sender.stop() == 0, f"the sender's exit status: {sender.status()}")


def every_format():
    """Each that vivid offers and the sender takes, on one wall; mirrored for every second: the picture before stands for none."""
    with scene() as site:
        offered = [entry for entry in devices()[0][0]["formats"] if not entry["emulated"]]
        taken = [entry["format"] for entry in offered if entry["format"]]
        check({"yuyv", "nv12"} <= set(taken), f"the sender takes {taken}")
        to, wall = enrol(site, "yard"), hang_wall(site)
        for number, name in enumerate(taken):
            begun = time.monotonic()
            flip = number % 2
            machine.check(f"v4l2-ctl -d /dev/video0 -c horizontal_flip={flip}")
            sender = start_camera(to, "--video", "v4l2:/dev/video0", "--format", name)
            bars = [luma(colour) for colour in BARS] if name == "grey" else BARS
            judge(wall, name, bars[::-1] if flip else bars)
            check(sender.stop() == 0, f"{name}: the sender's exit status: {sender.status()}")
            print(f"{name}: right ({time.monotonic() - begun:.1f} s)", flush=True)
        print(f"{len(taken)} of vivid's {len(offered)} formats are taken", flush=True)


def unplugged():
    """By turns vivid's Disconnect, and the driver taken away and loaded again with another number."""
    with scene() as site:
        sender = start_camera(enrol(site, "yard"), "--video", "v4l2:/dev/video0")
        before = sender.holds()
        number, took = 0, {"disconnected": [], "reloaded": []}
        for turn in range(UNPLUGGED):
            if turn % 2 == 0:
                took["disconnected"].append(back_after(sender, f"v4l2-ctl -d /dev/video{number} -c disconnect=1", ""))
            else:
                number = (number + 3) % 10
                away = ("echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; "
                        "until modprobe -r vivid; do sleep 0.1; done 2>/dev/null")
                took["reloaded"].append(back_after(sender, away, VIVID.format(number)))
        for how, times in took.items():
            print(f"{how}: back {len(times)} times after {min(times)} to {max(times)} ms, by the machine's clock",
                  flush=True)
        check(sender.status() is None, f"the sender has ended: {sender.status()}")
        site.receiver.wait_line("camera yard: its device is back$", tag="err")
        told = sum("no signal from its device" in line for line in site.receiver.err())
        # A disconnected one may be back before the sender's loop has looked.
        check(len(took["reloaded"]) <= told <= UNPLUGGED, f"the receiver was told {told} times that it is away")
        judge(hang_wall(site), f"back for the {UNPLUGGED}th time", BARS)
        after = sender.holds()
        check(any("/dev/video" in item for item in before), f"the camera is not among {before}")
        check(after == before, f"it held {before} before, {after} after")
        check(sender.stop() == 0, f"the sender's exit status: {sender.status()}")
        machine.check("rmmod vivid")


def back_after(sender, away, back):
    """Milliseconds, by the clock inside, from `back` (or `away`, if that brings it back) until there is a picture again."""
    since = sender.mark()
    begun = int(machine.check(f"{away if back else 'true'} && date +%s%3N && {{ {back or away}; }}", timeout=90).split()[0])
    when = sender.wait_line(r"^(\S+)Z .*' is back$", since=since)[1]
    then = datetime.datetime.fromisoformat(when + "+00:00")
    return round(then.timestamp() * 1000) - begun


def tone():
    """What is played to the microphone is heard at the wall: this tone, and no other. It may stutter: it is emulated."""
    with scene() as site:
        path = os.path.join(site.dir, "tone.wav")
        with wave.open(path, "wb") as file:
            file.setparams((2, 2, RATE, 0, "NONE", "not compressed"))
            second = [round(12000 * math.sin(2 * math.pi * TONE * at / RATE)) for at in range(RATE)]
            file.writeframes(120 * b"".join(struct.pack("<hh", value, value) for value in second))
        microphone = [entry["source"] for entry in devices()[1] if "Loopback" in entry["source"] and "DEV=1" in entry["source"]]
        check(len(microphone) == 1, f"microphones: {devices()[1]}")
        start_camera(enrol(site, "yard"), "--video", "test", "--audio", microphone[0])
        wall = Wall(site, "yard", "%dx%d" % SIZE)
        wall.wait_shown()
        time.sleep(2)
        silence = level(wall.samples(1))
        check(silence < 0.001, f"heard before anything is played: {silence}")
        # Begun anew whenever the machine was too slow for it.
        machine.start("sh", "-c", f"while true; do aplay -q -D hw:Loopback,0,0 {path}; done")
        end = time.monotonic() + 90
        while True:
            time.sleep(1)
            samples = wall.samples(0.5)
            heard = {hz: strength(samples, hz, 0.05) for hz in range(TONE - 200, TONE + 201, 20)}
            loudest = max(heard, key=heard.get)
            others = max(strength(samples, hz, 0.05) for hz in (TONE // 2, TONE - 200, TONE + 200, TONE * 2, TONE * 3))
            if abs(loudest - TONE) <= 20 and heard[loudest] > 0.02 and heard[loudest] > 10 * others:
                break
            check(time.monotonic() < end, f"the wall does not hear {TONE} Hz: {heard}, beside it {others}; "
                  + machine.run("cat /proc/asound/Loopback/cable* /proc/asound/Loopback/pcm?[cp]/sub0/*")[1])
        print(f"heard: {loudest} Hz at {heard[loudest]:.2f}, beside it {others:.4f}", flush=True)


run_tests([], beside=[every_format, unplugged, tone, picture], at_once=2)
