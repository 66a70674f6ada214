#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Motion with the real programs: found by the sender, told by the receiver, marked on the wall."""
import json
import os
import re
import time

from png import Picture
from sightline import SOURCE, Site, check, run_tests
from e2e_receiver import Client, token_of

WIDTH, HEIGHT = 320, 180
PEOPLE = f"file:{SOURCE}/tests/media/people.mp4"


def film(path):
    """At 10 frames a second: 3 s of nothing, a square that moves for 2 s, 5 s of nothing."""
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F10:1 C420jpeg\n" % (WIDTH, HEIGHT))
        for number in range(100):
            luma = bytearray(b"\x5a" * (WIDTH * HEIGHT))
            if 30 <= number < 50:
                for row in range(60, 100):
                    at = row * WIDTH + 40 + 5 * (number - 30)
                    luma[at:at + 40] = b"\xc8" * 40
            file.write(b"FRAME\n" + luma + b"\x80" * (WIDTH * HEIGHT // 2))


def motion_lines(site):
    return [line for line in site.receiver.err() if "motion yard" in line]


def listed(client, motion):
    """The camera in the list, which is told right after the log: once its motion is that, or as it stays."""
    end = time.monotonic() + 10
    while True:
        camera = json.loads(client.ask("GET", "/api/v1/cameras")[2])["cameras"][0]
        if camera["motion"] is motion or time.monotonic() > end:
            return camera


def test_an_event_begins_and_ends():
    """The receiver's log tells both, once, and the list of cameras what goes on."""
    with Site() as site:
        link, viewer = site.add_camera("yard"), site.add_viewer()
        path = os.path.join(site.dir, "film.y4m")
        film(path)
        client = Client(site, token_of(viewer))
        site.sender(link, "--video", f"y4m:{path}", "--motion", "on")
        site.receiver.wait_line("motion yard started score=", tag="err")
        camera = listed(client, motion=True)
        check(camera["motion"] is True, camera)
        said = site.receiver.wait_line(r"motion yard ended lasted_s=([0-9.]+) score=([0-9.]+)$", tag="err")
        check(1.5 <= float(said[1]) <= 2.5, f"it lasted {said[1]} s")
        check(2 <= float(said[2]) <= 8, f"{said[2]} % of the picture moved")  # the square is 2.8 %
        camera = listed(client, motion=False)
        check(camera["motion"] is False and re.match(r"\d{4}-", camera["motion_since"]), camera)
        site.programs[-1].wait()
        check(len(motion_lines(site)) == 2, motion_lines(site))


def test_a_mask_hides_it():
    """All is black in the mask: people walk, and nothing is told."""
    with Site() as site:
        mask = os.path.join(site.dir, "mask.pgm")
        with open(mask, "w") as file:
            file.write("P2 1 1 255 0\n")
        sender = site.sender(site.add_camera("yard"), "--video", PEOPLE, "--audio", "none", "--motion", "on",
                             "--motion-mask", mask, "--stats", "1s")
        sender.wait_line("^live yard")
        for _ in range(5):
            sender.wait_line("^stats", since=sender.mark())
        check(motion_lines(site) == [], motion_lines(site))


def test_the_wall_marks_it():
    """People walk by: the tile says so."""
    with Site() as site:
        site.sender(site.add_camera("yard"), "--video", PEOPLE, "--audio", "none", "--loop", "--motion", "on")
        site.receiver.wait_line("motion yard started", tag="err")
        picture = os.path.join(site.dir, "wall.png")
        viewer = site.viewer("--size", "640x480", "--stats", "500ms", "--screenshot", picture)
        for _ in range(4):
            viewer.wait_line("^stats yard live", since=viewer.mark())
        check(viewer.stop() == 0, "the viewer did not leave with 0")
        wall = Picture(picture)
        green = sum(wall.pixel(x, y) == (0x30, 0xe0, 0x60) for y in range(wall.height) for x in range(wall.width))
        check(green > 50, f"{green} pixels of MOTION on the tile")


if __name__ == "__main__":
    run_tests([], beside=[test_an_event_begins_and_ends, test_a_mask_hides_it, test_the_wall_marks_it])
