# SPDX-License-Identifier: MIT
"""The other end of the machine's tests: the wall out here, what it shows and what it lets hear."""
import array
import math
import os

from machine import HOST
from e2e_preview import Screen
from png import Picture
from sightline import check, program

RATE = 48000                                      # samples a second of what the wall lets hear
SHOWN = r"^stats {} live shown (?!0\.0)([0-9.]+)/s"


def enrol(site, name):
    """The options with which a sender in the machine reaches the receiver out here."""
    link = site.add_camera(name, "--host", f"{HOST}:{site.host.rsplit(':', 1)[1]}")
    return ["--to", link, "--via", f"{HOST}:{site.media_port()}"]


class Wall:
    """A viewer that shows `camera` alone, as large as its picture, and whose sound goes to a file."""

    def __init__(self, site, camera, size):
        number = len(site.programs)
        self.shot = os.path.join(site.dir, f"wall{number}.png")
        self.sound = os.path.join(site.dir, f"wall{number}.raw")
        self.display, self.screen = site.xvfb(), None
        env = {"DISPLAY": self.display, "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "disk",
               "SDL_DISKAUDIOFILE": self.sound}
        self.viewer = site.run("viewer", program("viewer"), "--from", site.add_viewer(f"wall{number}"), "--cameras",
                               camera, "--size", size, "--hud", "off", "--stats", "200ms", "--screenshot", self.shot,
                               env=env)
        self.camera = camera

    def wait_shown(self, timeout=60):
        """Until a second's pictures from now on have been shown."""
        since = self.viewer.mark()
        for _ in range(2):
            self.viewer.wait_line(SHOWN.format(self.camera), timeout=timeout, since=since)
            since = self.viewer.mark()

    def samples(self, seconds):
        """The left channel of the last `seconds` of what was heard so far, -1..1."""
        data = open(self.sound, "rb").read()
        data = data[:len(data) // 4 * 4]
        return [value / 32768 for value in array.array("h", data)[::2][-int(seconds * RATE):]]

    def look(self):
        """The picture that is on the screen: rows of (red, green, blue)."""
        if self.screen is None:
            self.screen = Screen(self.display)
        windows = self.screen.windows()
        return self.screen.picture(*windows.values()) if len(windows) == 1 else []

    def leave(self):
        """Ends it; the picture that it showed last."""
        check(self.viewer.stop() == 0, "the viewer did not leave with 0")
        return Picture(self.shot)


def level(samples):
    """Root mean square, 0..1."""
    return math.sqrt(sum(value * value for value in samples) / max(1, len(samples)))


def strength(samples, hz, window):
    """The amplitude of what lies within 2 / `window` (seconds) of `hz`: Goertzel's algorithm, the mean of Hann windows."""
    count = int(window * RATE)
    shape = [0.5 - 0.5 * math.cos(2 * math.pi * at / count) for at in range(count)]
    factor, found = 2 * math.cos(2 * math.pi * hz / RATE), []
    for start in range(0, len(samples) - count + 1, count):
        last, before = 0.0, 0.0
        for value, weight in zip(samples[start:start + count], shape):
            last, before = value * weight + factor * last - before, last
        found.append(4 / count * math.sqrt(max(0.0, last * last + before * before - factor * last * before)))
    return sum(found) / max(1, len(found))
