#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A camera with a second, small picture: asked for at the start, by the size of a tile, and changed in one session."""
import ctypes
import re

from sightline import Site, check, run_tests

SENDER = ("--video", "test", "--audio", "none", "--size", "640x360", "--fps", "20", "--bitrate", "500k")
SUB = ("--sub", "320x180@10,150k")


class Window:
    """The viewer's window, from outside: resized as a user would."""

    def __init__(self, display):
        self.x11 = ctypes.CDLL("libX11.so.6")
        self.x11.XOpenDisplay.restype = ctypes.c_void_p
        self.x11.XDefaultRootWindow.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x11.XOpenDisplay(display.encode()))
        root = ctypes.c_ulong(self.x11.XDefaultRootWindow(self.display))
        found = ctypes.POINTER(ctypes.c_ulong)()
        count = ctypes.c_uint()
        ids = [ctypes.c_ulong(), ctypes.c_ulong()]
        self.x11.XQueryTree(self.display, root, ctypes.byref(ids[0]), ctypes.byref(ids[1]), ctypes.byref(found),
                            ctypes.byref(count))
        self.windows = [ctypes.c_ulong(found[i]) for i in range(count.value)]

    def resize(self, width, height):
        for window in self.windows:
            self.x11.XResizeWindow(self.display, window, width, height)
        self.x11.XSync(self.display, 0)


def wait_picture(viewer, size, since):
    """The next line of figures that says this size."""
    return viewer.wait_line(rf"^stats yard live .* picture={size}$", timeout=20, since=since)


def test_chosen_at_the_start():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), *SENDER, *SUB, "--stats", "500ms")
        sender.wait_line("live yard")
        sender.wait_line(r"sub_fps=\d")
        for layer, size in (("sub", "320x180"), ("main", "640x360")):
            viewer = site.viewer("--layer", layer, "--stats", "300ms")
            wait_picture(viewer, size, 0)
            viewer.stop()


def test_a_camera_with_one_picture_shows_that():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), *SENDER)
        sender.wait_line("live yard")
        viewer = site.viewer("--layer", "sub", "--stats", "300ms")
        wait_picture(viewer, "640x360", 0)


def test_changes_with_the_tile_in_one_session():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), *SENDER, *SUB)
        sender.wait_line("live yard")
        viewer = site.viewer("--size", "320x180", "--stats", "300ms", "--hud", "off")
        wait_picture(viewer, "320x180", 0)
        window = Window(site.display)
        begun = viewer.mark()
        for turn in range(20):
            since = viewer.mark()
            window.resize(*((320, 180) if turn % 2 else (1280, 720)))
            wait_picture(viewer, "320x180" if turn % 2 else "640x360", since)
        lines = [line for line in viewer.out()[begun:] if line.startswith("stats yard")]
        for line in lines:
            check(" live " in line, f"the picture stayed: {line}")
            check(float(re.search(r"shown ([\d.]+)/s", line)[1]) > 0, f"frames went on: {line}")
            check("given_up=0" in line, f"nothing was asked for in vain: {line}")
        joined = [line for line in site.receiver.err() if ": viewer wall" in line and " joined " in line]
        check(len(joined) == 1, f"one session, not {len(joined)}")
        viewer.stop()


if __name__ == "__main__":
    run_tests([test_changes_with_the_tile_in_one_session],
              beside=[test_chosen_at_the_start, test_a_camera_with_one_picture_shows_that])
