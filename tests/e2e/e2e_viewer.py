#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the wall shows in each state, and how the program ends, with the real programs under a virtual screen."""
import os
import signal
import subprocess
import time

from png import Picture
from sightline import Site, check, program, run_tests

SHOWN = r"^stats {} live shown (?!0\.0)([0-9.]+)/s"
SMALL = ["--video", "test", "--audio", "none", "--size", "320x180"]


def live_wall(site, *args, camera="yard", size="640x360", source=SMALL):
    """A sender and a viewer that shows it; (sender, viewer, where its screenshot goes)."""
    sender = site.sender(site.add_camera(camera), *source)
    sender.wait_line(f"^live {camera}$")
    shot = os.path.join(site.dir, f"shot{len(site.programs)}.png")
    viewer = site.viewer("--size", size, "--stats", "100ms", "--screenshot", shot, *args)
    viewer.wait_line(SHOWN.format(camera))
    return sender, viewer, shot


def leave(viewer, shot):
    check(viewer.stop() == 0, "the viewer did not leave with 0")
    return Picture(shot)


def test_plain_camera_fills_the_window():
    """--hud off, one camera: the window is the picture, without a border or a word on it."""
    with Site() as site:
        _, viewer, shot = live_wall(site, "--hud", "off")
        plain = leave(viewer, shot)
        check((plain.width, plain.height) == (640, 360), f"{plain.width}x{plain.height}")
        for x, y in ((0, 0), (639, 0), (0, 359), (639, 359)):
            check(plain.pixel(x, y) != (0, 0, 0), f"a black corner at {x},{y}")
        check(plain.colourful(0, 0, 640, 360) > 0.5, "no picture")


def test_offline_cameras_are_dark():
    with Site() as site:
        site.add_camera("away")
        _, viewer, shot = live_wall(site, size="640x180")
        viewer.wait_line("^stats away connecting")
        wall = leave(viewer, shot)
        check(wall.colourful(20, 20, 280, 100) < 0.01, "the tile of a camera that is away is not dark")
        check(wall.colours(20, 20, 280, 100) > 3, "it does not say why")
        check(wall.colourful(340, 20, 280, 100) > 0.5, "the live tile has no picture")


def test_stale_is_grey():
    """A sender that is stopped (not killed) keeps its connection for a while, but its picture is old."""
    with Site() as site:
        sender, viewer, shot = live_wall(site)
        mark = viewer.mark()
        sender.process.send_signal(signal.SIGSTOP)
        try:
            viewer.wait_line("^stats yard (stale|reconnecting) shown 0.0/s", since=mark)
            wall = leave(viewer, shot)
        finally:
            sender.process.send_signal(signal.SIGCONT)
        check(wall.colourful(0, 0, 640, 100) == 0, "an old picture in colour")
        check(wall.colours(0, 0, 640, 100) > 10, "the old picture is gone")
        check(wall.colourful(160, 130, 320, 100) > 0.01, "nothing says that it is stale")


def test_receiver_lost_and_back():
    with Site() as site:
        _, viewer, shot = live_wall(site)
        site.receiver.kill()
        viewer.wait_line("receiver lost", tag="err")
        viewer.wait_line("^stats yard reconnecting")
        mark = viewer.mark()
        site.start_receiver()
        viewer.wait_line(SHOWN.format("yard"), since=mark, timeout=30)
        check(leave(viewer, shot).colourful(0, 0, 640, 300) > 0.5, "no picture after it came back")


def test_no_receiver_yet():
    """The wall waits for a receiver that is not there, and says so."""
    with Site() as site:
        link = site.add_viewer()
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        shot = os.path.join(site.dir, "waits.png")
        viewer = site.viewer("--size", "640x360", "--screenshot", shot, link=link)
        viewer.wait_line("receiver: ", tag="err")
        waits = leave(viewer, shot)
        check(waits.colours(100, 100, 440, 200) > 3, "nothing is written on the window")


def ends(site, *args, link, env=None, status=1):
    """The viewer must end by itself, soon, with `status` and one line that says why."""
    begun = time.monotonic()
    done = subprocess.run([program("viewer"), "--from", link, *args], text=True, capture_output=True, timeout=20,
                          env={**os.environ, "DISPLAY": site.xvfb(), "SDL_VIDEODRIVER": "x11",
                               "SDL_AUDIODRIVER": "dummy", **(env or {})})
    took = time.monotonic() - begun
    lines = [line for line in done.stderr.splitlines() if line.startswith("sightline-viewer: ")]
    check(done.returncode == status, f"{args}: exit status {done.returncode}, wanted {status}: {done.stderr}")
    foreign = [line for line in done.stderr.splitlines() if "sightline-viewer" not in line]
    check(len(lines) == 1 and not foreign, f"{args}: wanted one line, got {done.stderr!r}")
    check(link not in done.stderr, "the link, token and all, is in what it said")
    check(took < 10, f"took {took:.1f} s")
    return lines[0]


def test_refused_at_once():
    with Site() as site:
        wall, camera = site.add_viewer(), site.add_camera("yard")
        token = wall.split("//", 1)[1].split("@", 1)[0]
        wrong = ("A" if token[0] != "A" else "B") + token[1:]
        check("token" in ends(site, link=wall.replace(token, wrong)), "wrong token")
        check("token" in ends(site, link=camera), "a camera's link")
        check("pins" in ends(site, link=wall.replace(site.pin, "sha256//" + "A" * 43 + "=")), "wrong pin")
        check("porch" in ends(site, "--cameras", "yard,porch", link=wall), "unknown camera")
        check("display" in ends(site, link=wall, env={"DISPLAY": ":9999"}), "no display")
        # SDL left to choose would go on with a driver that shows nothing, and its libraries complain.
        none = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "SDL_VIDEODRIVER": "", "SDL_AUDIODRIVER": ""}
        check("display" in ends(site, link=wall, env=none), "no display, no driver chosen")
        check("screenshot" in ends(site, "--exit-after", "500ms", "--screenshot", "/nowhere/x.png", link=wall), "screenshot")
        ends(site, link="nonsense", status=2)
        ends(site, "--cameras", "a,,b", link=wall, status=2)
        ends(site, "--layout", "0x2", link=wall, status=2)
        ends(site, "--via", "host", link=wall, status=2)
        ends(site, link="@" + os.path.join(site.dir, "none"), status=1)


def test_cameras_chooses_and_orders():
    with Site() as site:
        for name in ("a", "b", "c"):
            site.sender(site.add_camera(name), *SMALL).wait_line(f"^live {name}$")
        viewer = site.viewer("--cameras", "c,a", "--stats", "200ms", "--latency", "100")
        viewer.wait_line(SHOWN.format("a"))
        viewer.wait_line(SHOWN.format("c"))
        since = viewer.mark()
        viewer.wait_line("^stats a ", since=since)
        names = [line.split()[1] for line in viewer.out()[-8:] if line.startswith("stats ")]
        check("b" not in names, f"a camera that was not chosen is there: {names}")
        first = names.index("c")
        check(names[first:first + 2] == ["c", "a"], f"the order is {names}")


def test_comes_and_goes_without_a_trace():
    """Cameras added and removed leave no thread and no descriptor behind."""
    with Site() as site:
        _, viewer, _ = live_wall(site)
        seen = []
        for _ in range(6):
            sender = site.sender(site.add_camera("guest"), *SMALL)
            viewer.wait_line(SHOWN.format("guest"), since=viewer.mark())
            mark = viewer.mark()
            site.admin("camera", "remove", "guest")
            viewer.wait_line("camera guest: removed", since=mark, tag="err")
            check(sender.wait() == 1, "the sender of a removed camera must give up")
            time.sleep(1.2)  # the session is closed, or given up, within a second
            seen.append((viewer.threads(), viewer.descriptors()))
        # A tile that is alone is decoded by up to four threads, from a key frame on.
        check(seen[-1][0] <= seen[0][0] + 4, f"threads: {seen}")
        # HTTPS connections are kept for the next request: one or two more or less mean nothing.
        check(seen[-1][1] <= seen[0][1] + 2, f"descriptors: {seen}")


run_tests([], beside=[test_comes_and_goes_without_a_trace, test_refused_at_once, test_receiver_lost_and_back,
                      test_cameras_chooses_and_orders, test_plain_camera_fills_the_window, test_offline_cameras_are_dark,
                      test_stale_is_grey, test_no_receiver_yet])
