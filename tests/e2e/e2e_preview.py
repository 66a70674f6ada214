#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sender's --preview: what its window shows in each state, by the pixels of a virtual screen, and that the camera
does not depend on it."""
import ctypes
import os
import time

from sightline import Site, check, program, run_tests, skip

GREY, RED, AMBER = (128, 128, 128), (208, 24, 24), (255, 176, 0)
SOURCE = ["--video", "test", "--audio", "none", "--size", "320x180", "--preview"]
BORDER = 8


class Screen:
    """Looks at a display by Xlib; windows are found by the words in their title."""

    class Image(ctypes.Structure):  # the begin of XImage
        _fields_ = [("width", ctypes.c_int), ("height", ctypes.c_int), ("xoffset", ctypes.c_int),
                    ("format", ctypes.c_int), ("data", ctypes.POINTER(ctypes.c_ubyte)), ("byte_order", ctypes.c_int),
                    ("unit", ctypes.c_int), ("bit_order", ctypes.c_int), ("pad", ctypes.c_int),
                    ("depth", ctypes.c_int), ("bytes_per_line", ctypes.c_int), ("bits_per_pixel", ctypes.c_int)]

    def __init__(self, name):
        try:
            self.x = ctypes.CDLL("libX11.so.6")
        except OSError:
            skip("libX11 is not installed")
        for call, result in (("XOpenDisplay", ctypes.c_void_p), ("XDefaultRootWindow", ctypes.c_ulong),
                             ("XGetImage", ctypes.POINTER(self.Image)), ("XInternAtom", ctypes.c_ulong),
                             ("XKeysymToKeycode", ctypes.c_ubyte)):
            getattr(self.x, call).restype = result
        # A window may go while it is looked at; Xlib would end the process.
        self.ignore = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)
        self.x.XSetErrorHandler(self.ignore)
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(name.encode()))
        check(self.display, f"no display {name}")
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.display))

    def windows(self):
        """{title: window} of what is on the screen."""
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        self.x.XQueryTree(self.display, self.root, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(children),
                          ctypes.byref(count))
        found = {}
        for window in children[:count.value]:
            title = ctypes.c_char_p()
            if self.x.XFetchName(self.display, ctypes.c_ulong(window), ctypes.byref(title)) and title.value:
                found[title.value.decode()] = window
        return found

    def picture(self, window):
        """Rows of (red, green, blue)."""
        root, x, y, border, depth = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_int(), ctypes.c_uint(), ctypes.c_uint()
        width, height = ctypes.c_uint(), ctypes.c_uint()
        self.x.XGetGeometry(self.display, ctypes.c_ulong(window), ctypes.byref(root), ctypes.byref(x), ctypes.byref(y),
                            ctypes.byref(width), ctypes.byref(height), ctypes.byref(border), ctypes.byref(depth))
        image = self.x.XGetImage(self.display, ctypes.c_ulong(window), 0, 0, width, height,
                                 ctypes.c_ulong(0xffffffff), 2)
        check(image, "the window has gone")
        image = image.contents
        check(image.bits_per_pixel == 32, "not 32 bits a pixel")
        line = image.bytes_per_line
        data = ctypes.string_at(image.data, line * image.height)
        return [[(data[at + 2], data[at + 1], data[at]) for at in range(y * line, y * line + 4 * image.width, 4)]
                for y in range(image.height)]

    def close(self, window):
        """As a window manager does that is asked to close it: WM_DELETE_WINDOW."""
        class Message(ctypes.Structure):
            _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
                        ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("kind", ctypes.c_ulong),
                        ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 12)]
        protocols = self.x.XInternAtom(self.display, b"WM_PROTOCOLS", 0)
        delete = self.x.XInternAtom(self.display, b"WM_DELETE_WINDOW", 0)
        message = Message(type=33, display=self.display, window=window, kind=protocols, format=32)
        message.data[0] = delete
        self.x.XSendEvent(self.display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
        self.x.XSync(self.display, 0)

    def press(self, window, key):
        """A key of the keyboard goes down and up over the window: KeyPress, KeyRelease."""
        class Key(ctypes.Structure):
            _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
                        ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("root", ctypes.c_ulong),
                        ("subwindow", ctypes.c_ulong), ("time", ctypes.c_ulong), ("place", ctypes.c_int * 4),
                        ("state", ctypes.c_uint), ("keycode", ctypes.c_uint), ("same_screen", ctypes.c_int),
                        ("rest", ctypes.c_long * 12)]
        code = self.x.XKeysymToKeycode(self.display, ctypes.c_ulong(ord(key)))
        for kind, mask in ((2, 1), (3, 2)):
            event = Key(type=kind, display=self.display, window=window, root=self.root, keycode=code, same_screen=1)
            self.x.XSendEvent(self.display, ctypes.c_ulong(window), 0, ctypes.c_long(mask), ctypes.byref(event))
        self.x.XSync(self.display, 0)

    def leave(self):
        self.x.XCloseDisplay(self.display)


def until(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.05)


def wait_window(screen, title):
    return until(lambda: screen.windows().get(title), f"a window '{title}'")


def frame_is(screen, title, color):
    """The window with this title, once its frame has the color all around."""
    def look():
        window = screen.windows().get(title)
        if not window:
            return None
        rows = screen.picture(window)
        around = rows[0] + rows[-1] + rows[BORDER - 1] + [row[0] for row in rows] + [row[-1] for row in rows]
        return window if set(around) == {color} else None
    return until(look, f"'{title}' framed in {color}")


def inside(screen, window):
    return [pixel for row in screen.picture(window)[BORDER:-BORDER:5] for pixel in row[BORDER:-BORDER:5]]


def preview(site, camera, *args):
    return site.run("sender", program("sender"), "--to", camera, *SOURCE, *args,
                    env={"DISPLAY": site.xvfb(), "SDL_VIDEODRIVER": ""})


def test_frame_tells_the_state():
    with Site() as site:
        camera = site.add_camera("yard")
        site.receiver.kill()
        sender = preview(site, camera)
        screen = Screen(site.xvfb())
        window = frame_is(screen, "yard (connecting) - Sightline", GREY)
        rows = screen.picture(window)
        check((len(rows[0]), len(rows)) == (320 + 2 * BORDER, 180 + 2 * BORDER), "another size than the picture's")
        until(lambda: len(set(inside(screen, window))) > 20, "a picture while connecting")
        site.start_receiver()
        sender.wait_line("^live yard$")
        window = frame_is(screen, "yard (live) - Sightline", RED)
        before = inside(screen, window)
        until(lambda: inside(screen, window) != before, "a picture that moves")
        site.receiver.kill()
        sender.wait_line("^reconnecting$")
        frame_is(screen, "yard (reconnecting) - Sightline", AMBER)
        screen.leave()


def film(path):
    """At 10 frames a second: 1.5 s of nothing, then a square that walks to and fro on the left."""
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W320 H180 F10:1 C420jpeg\n")
        for number in range(120):
            luma = bytearray(b"\x5a" * (320 * 180))
            step = (number - 15) % 30
            for row in range(60, 100) if number >= 15 else ():
                at = row * 320 + 20 + 4 * min(step, 30 - step)
                luma[at:at + 40] = b"\xc8" * 40
            file.write(b"FRAME\n" + luma + b"\x80" * (320 * 180 // 2))


def marks(screen, window):
    """Where the picture is green: (x, y) in it. The film is grey."""
    rows = screen.picture(window)[BORDER:-BORDER]
    return [(x, y) for y, row in enumerate(rows) for x, (red, green, blue) in enumerate(row[BORDER:-BORDER])
            if green > red + 80 and green > blue + 80]


def test_a_key_shows_what_moves():
    with Site() as site:
        path = os.path.join(site.dir, "film.y4m")
        film(path)
        site.run("sender", program("sender"), "--to", site.add_camera("yard"), "--video", f"y4m:{path}", "--loop",
                 "--audio", "none", "--preview", "--motion", "on", env={"DISPLAY": site.xvfb(), "SDL_VIDEODRIVER": ""})
        site.receiver.wait_line("motion yard started", tag="err")
        screen = Screen(site.xvfb())
        window = wait_window(screen, "yard (live) - Sightline")
        check(not marks(screen, window), "marks before anybody asked")
        screen.press(window, "m")
        wait_window(screen, "yard (live, motion view) - Sightline")
        seen = until(lambda: marks(screen, window), "what moves outlined")
        check(all(x < 180 and 40 <= y < 120 for x, y in seen), f"marks away from what moves: {seen}")
        screen.press(window, "m")
        wait_window(screen, "yard (live) - Sightline")
        until(lambda: not marks(screen, window), "the plain picture")
        screen.leave()


def test_the_key_says_what_it_needs():
    with Site() as site:
        sender = preview(site, site.add_camera("yard"))
        sender.wait_line("^live yard$")
        screen = Screen(site.xvfb())
        window = wait_window(screen, "yard (live) - Sightline")
        for _ in range(3):
            screen.press(window, "m")
        sender.wait_line("the key m shows what moves; that needs --motion on", tag="err")
        screen.close(window)
        sender.wait_line("the preview was closed", tag="err")
        check(len(sender.err()) == 2, f"more than one line: {sender.err()}")
        screen.leave()


def test_closing_it_leaves_the_camera():
    with Site() as site:
        sender = preview(site, site.add_camera("yard"), "--stats", "200ms")
        sender.wait_line("^live yard$")
        screen = Screen(site.xvfb())
        screen.close(wait_window(screen, "yard (live) - Sightline"))
        sender.wait_line("the preview was closed; the camera goes on", tag="err")
        until(lambda: not screen.windows(), "the window gone")
        for _ in range(3):
            sender.wait_line(r"^stats fps=[1-9]", since=sender.mark())
        check("preview" not in thread_names(sender), "its thread is still there")
        screen.leave()


def test_screen_goes_away():
    with Site() as site:
        sender = preview(site, site.add_camera("yard"), "--stats", "200ms")
        sender.wait_line("^live yard$")
        screen = Screen(site.xvfb())
        wait_window(screen, "yard (live) - Sightline")
        screen.leave()
        site.programs[0].kill()
        sender.wait_line("the screen has gone", tag="err")
        for _ in range(3):
            sender.wait_line(r"^stats fps=[1-9]", since=sender.mark())


def test_no_screen():
    with Site() as site:
        sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), *SOURCE,
                          env={"DISPLAY": "", "WAYLAND_DISPLAY": "", "SDL_VIDEODRIVER": ""})
        sender.wait_line("^live yard$")
        sender.wait_line("no window: neither DISPLAY nor WAYLAND_DISPLAY is set", tag="err")
        check(len(sender.err()) == 1, f"more than one line: {sender.err()}")


def thread_names(item):
    task = f"/proc/{item.pid}/task"
    return [open(f"{task}/{number}/comm").read().strip() for number in os.listdir(task)]


def test_costs_nothing_when_off():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), *SOURCE[:-1])
        sender.wait_line("^live yard$")
        check("preview" not in thread_names(sender), "a thread for nothing")


if __name__ == "__main__":
    run_tests([], beside=[test_a_key_shows_what_moves, test_frame_tells_the_state, test_the_key_says_what_it_needs,
                          test_closing_it_leaves_the_camera, test_screen_goes_away, test_no_screen,
                          test_costs_nothing_when_off])
