#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of a receiver that records four cameras, again and again: what is listed afterwards plays to its end and lasts as
long as it says, at most a second is missing before each kill, and no file is left that is not listed.

SL_E2E_REPEAT=200 for the full run; 20 kills otherwise. SL_E2E_SEED chooses other moments."""
import os
import random
import re
import sqlite3
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from sightline import Site, check, run_tests

CAMERAS = ["north", "east", "south", "west"]
REPEAT = int(os.environ.get("SL_E2E_REPEAT", "20"))
SEED = int(os.environ.get("SL_E2E_SEED", str(random.randrange(1 << 30))))
MISSING = 1.0      # s before a kill, at the median: a machine that is busy with something else keeps the programs waiting
MISSING_MAX = 3.0
DURATION_OFF = 0.1  # s


def rows(site):
    """All that is listed: path -> (camera, start, duration, open), in seconds."""
    with sqlite3.connect(f"file:{site.data}/catalogue.db?mode=ro", uri=True) as catalogue:
        return {path: (camera, start / 1e6, duration / 1e6, is_open) for path, camera, start, duration, is_open in
                catalogue.execute("SELECT path, camera, start, duration, open FROM segments")}


def files(site):
    store = os.path.join(site.data, "recordings")
    return {os.path.relpath(os.path.join(folder, name), store)
            for folder, _, names in os.walk(store) for name in names if name.endswith(".mp4")}


def check_play(site, durations):
    """Each file {path: duration} plays to its end, all decoded, for as long as is listed. One process for all: its start is
    most of what playing costs."""
    paths = sorted(durations)
    inputs = [part for path in paths for part in ("-i", os.path.join(site.data, "recordings", path))]
    maps = [part for number in range(len(paths)) for part in ("-map", str(number))]
    said = subprocess.run(["ffmpeg", "-hide_banner", "-nostats", "-v", "level+info", "-xerror", *inputs, *maps, "-f", "null", "-"],
                          text=True, capture_output=True, timeout=120)
    bad = [line for line in said.stderr.splitlines() if re.search(r"\[(error|fatal|panic)\]", line)]
    check(said.returncode == 0 and not bad, f"{paths}: {said.returncode}: {bad[:3]}")
    lengths = [int(hours) * 3600 + int(minutes) * 60 + float(seconds) for hours, minutes, seconds in
               re.findall(r"Duration: (\d+):(\d+):([\d.]+)", said.stderr)]
    check(len(lengths) == len(paths), said.stderr[-300:])
    for path, length in zip(paths, lengths):
        check(abs(length - durations[path]) <= DURATION_OFF,
              f"{path}: listed with {durations[path]:.3f} s, plays {length:.3f} s")


def wait_recorded(site, since):
    """Until each camera has a file that was begun behind `since`; when that was."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        begun = {path.split("/")[0] for path in files(site) - since}
        if len(begun) == len(CAMERAS):
            return
        time.sleep(0.02)
    raise AssertionError(f"only {sorted(begun)} are recorded again")


def tear(site, left, moments):
    """What a power cut does and a kill does not: a fragment that is not whole. The file torn, or None."""
    for path in sorted(left, key=lambda _: moments.random()):
        full = os.path.join(site.data, "recordings", path)
        content = open(full, "rb").read()
        if content.count(b"moof") >= 2:
            os.truncate(full, moments.randrange(content.rindex(b"moof") - 3, len(content)))
            return path
    return None


def wait_listed(site, left):
    """Until what a kill left is listed as closed (files without a picture are removed); the receiver does so beside recording."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        listed = rows(site)
        if all(path in listed and not listed[path][3] or path not in listed and path not in files(site) for path in left):
            return
        time.sleep(0.02)


def check_left(site, left, torn, killed):
    """All files that a kill left are listed. How much was missing before the kill, at the worst, and {path: duration}."""
    listed = rows(site)
    end, durations = {}, {}
    for path in sorted(left):
        if path not in listed and not os.path.exists(os.path.join(site.data, "recordings", path)):
            continue  # nothing was recorded into it yet
        check(path in listed and not listed[path][3], f"{path} is not listed, or as one that is being recorded")
        camera, start, duration, _ = listed[path]
        durations[path] = duration
        end[camera] = max(end.get(camera, 0), killed if path == torn else start + duration)
    check(set(end) == set(CAMERAS), f"only {sorted(end)} are listed")
    return max(killed - at for at in end.values()), durations


def test_what_is_listed_after_a_kill_plays_and_is_nearly_all():
    print(f"seed {SEED}, {REPEAT} kills")
    moments = random.Random(SEED)
    missing, torn, receivers, slowest = [], [], [], 0.0
    with Site() as site, ThreadPoolExecutor(1) as player:  # which plays what was left while the next is recorded
        playing = []
        for name in CAMERAS:
            site.sender(site.add_camera(name), "--video", "test", "--audio", "test", "--size", "320x180", "--fps", "10",
                        "--bitrate", "200k", "--gop", "1s", "--fec", "off")
        known = set()
        for _ in range(REPEAT):
            wait_recorded(site, known)
            time.sleep(moments.uniform(0.6, 1.6))  # the moment is what is varied, no condition
            site.receiver.kill()
            killed = time.time()
            left = files(site)
            torn.append(tear(site, left - known, moments) if len(torn) % 4 == 3 else None)
            begun = time.monotonic()
            site.start_receiver()
            wait_listed(site, left - known)
            slowest = max(slowest, time.monotonic() - begun)
            receivers.append(site.receiver)
            missed, durations = check_left(site, left - known, torn[-1], killed)
            missing.append(missed)
            playing.append(player.submit(check_play, site, durations))
            known |= left
        check(statistics.median(missing) <= MISSING and max(missing) <= MISSING_MAX,
              f"missing before the kills: {[round(each, 2) for each in missing]} s")
        check(slowest <= 5.0, f"listed {slowest:.1f} s after the start")
        for each in playing:
            each.result()
        for line in site.admin("check", "--deep"):
            print(line)
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
    cut = sum("bytes of a fragment cut" in line for receiver in receivers for line in receiver.err())
    check(cut == sum(path is not None for path in torn), f"{cut} tails were cut, wanted {torn}")
    print(f"missing: {statistics.median(missing):.3f} s at the median, {max(missing):.3f} s at most; listed {slowest:.2f} s after the start at the latest, {cut} tails cut")


if __name__ == "__main__":
    run_tests([test_what_is_listed_after_a_kill_plays_and_is_nearly_all])
