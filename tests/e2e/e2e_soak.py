#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Four cameras and two viewers, others joining and leaving all the while: memory, threads and descriptors of each
program end where they were. SL_SOAK_SECONDS (default 12) is the time between the two looks; by hand 600 is asked."""
import os
import time

from sightline import SOURCE, Site, check, run_tests

SECONDS = float(os.environ.get("SL_SOAK_SECONDS", "12"))
WARM_UP = min(60.0, max(12.0, SECONDS / 10))
FILM = os.path.join(SOURCE, "tests", "media", "people.mp4")
GROWTH_KIB = 5 * 1024  # promise 22: 5 MB a day; what a heap may wobble in a minute is of that size


def look(programs):
    """Descriptors are the fewest of a second: what is recorded is held by one more until it is on the disk."""
    descriptors = {name: [] for name in programs}
    for _ in range(20):
        for name, item in programs.items():
            descriptors[name].append(item.descriptors())
        time.sleep(0.05)
    return {name: (item.rss_kib(), item.threads(), min(descriptors[name])) for name, item in programs.items()}


def too_much(before, after):
    """What is not where it was."""
    return ([f"{name}: threads" for name in before if after[name][1] != before[name][1]] +
            [f"{name}: descriptors" for name in before if after[name][2] > before[name][2]] +
            [f"{name}: memory" for name in before if after[name][0] - before[name][0] > GROWTH_KIB])


def churn(site, link, wall):
    """A viewer and a sender that come and go."""
    visitor = site.viewer("--exit-after", "2s", "--stats", "1s", link=wall)
    sender = site.sender(link, "--video", "test", "--audio", "test", "--size", "320x240")
    check(visitor.wait(20) == 0, "a visiting viewer did not leave with 0")
    check(sender.stop() == 0, "a visiting sender did not leave with 0")
    for item in (visitor, sender):
        site.programs.remove(item)


def churn_for(site, link, wall, seconds):
    """Rounds of it, the last of which is over and forgotten."""
    end = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end:
        churn(site, link, wall)
        rounds += 1
    time.sleep(4)  # what lingers on purpose (a closed session's last words) is over by then
    return rounds


def test_soak():
    with Site() as site:
        programs = {"receiver": site.receiver}
        for number in range(4):
            name = f"cam{number}"
            # Real footage at a high rate goes once round every ring of packets within the warm-up: memory that is
            # taken at the start but first touched later would look like growth.
            programs[name] = site.sender(site.add_camera(name), "--video", f"file:{FILM}", "--loop", "--bitrate", "6M")
        for number in range(4):
            programs[f"cam{number}"].wait_line(f"live cam{number}")
        guest, wall = site.add_camera("guest"), site.add_viewer("visitor")
        for number in range(2):
            programs[f"wall{number}"] = site.viewer("--size", "640x480", "--stats", "1s")
        for number in range(2):
            programs[f"wall{number}"].wait_line(r"^stats cam3 live shown [1-9]", timeout=30)
        # Guests come in the warm-up too: what the heap keeps for the next one is not growth.
        churn_for(site, guest, wall, WARM_UP)
        before = look(programs)
        rounds = churn_for(site, guest, wall, SECONDS)
        after = look(programs)
        give_up = time.monotonic() + 20  # a disk that stands still holds memory and files up, not for ever
        while too_much(before, after) and time.monotonic() < give_up:
            after = look(programs)
        for name in programs:
            print(f"        {name:9} KiB {before[name][0]} -> {after[name][0]}, threads {before[name][1]} -> "
                  f"{after[name][1]}, descriptors {before[name][2]} -> {after[name][2]}", flush=True)
        check(rounds > 0, "nobody came and went")
        check(not too_much(before, after), f"more than before: {too_much(before, after)}")
        for number in range(2):
            last = [line for line in programs[f"wall{number}"].out() if line.startswith("stats cam")][-4:]
            check(all(" live shown " in line and " shown 0.0/s" not in line for line in last),
                  f"not all live at the end: {last}")


run_tests([test_soak])
