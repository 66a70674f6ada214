#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings by the real programs: every picture that was sent is in them, at the time it was captured, on a clean uplink
and on one that loses 5 %; the catalogue says what the files say; rules change what is recorded; a store that goes away
and comes back."""
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import time

from sightline import Site, check, run_tests, skip, until

SENT = 4  # of base/trace.h
SOURCE = ["--video", "test", "--audio", "test", "--size", "640x360", "--bitrate", "1M", "--stats", "1s"]


def sent(path):
    """Capture times, ns on the machine's monotonic clock, of the pictures that a sender's trace says were sent."""
    with open(path, "rb") as file:
        data = file.read()
    return sorted(frame for frame, _, stage, _ in struct.iter_unpack("<QqII", data[32:32 + (len(data) - 32) // 24 * 24])
                  if stage == SENT)


def probe(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_packets", "-show_format", "-show_streams", "-of", "json", path],
                          capture_output=True, text=True, timeout=60, check=True)
    check(done.stderr == "", f"ffprobe: {done.stderr}")
    decoded = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "null", "-"], capture_output=True, text=True,
                             timeout=60, check=False)
    check(decoded.returncode == 0 and decoded.stderr == "", f"ffmpeg: {path}: {decoded.stderr}")
    return json.loads(done.stdout)


def rows(site):
    with sqlite3.connect(f"file:{site.data}/catalogue.db?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM segments ORDER BY start")]


def recorded(site):
    """Each picture's time by the monotonic clock in ns, and their sound's, of all files; the catalogue agrees with each."""
    pictures, sounds, end = [], [], None
    for row in rows(site):
        path = os.path.join(site.data, "recordings", row["path"])
        file = probe(path)
        video = [stream["index"] for stream in file["streams"] if stream["codec_type"] == "video"][0]
        mono, tags = int(file["format"]["tags"]["sightline.mono"]), file["format"]["tags"]
        of = [[mono + float(packet["pts_time"]) * 1e9 for packet in file["packets"] if (packet["stream_index"] == video) == wanted]
              for wanted in (True, False)]
        pictures += of[0]
        sounds += of[1]
        check(row["open"] == 0 and row["frames"] == len(of[0]) and row["bytes"] == os.path.getsize(path), f"{row}, {len(of[0])} pictures")
        check(abs(float(file["format"]["duration"]) - row["duration"] / 1e6) < 0.1, f"{row}: {file['format']}")
        check(int(tags["sightline.start"]) == row["start"] and tags["sightline.uuid"] == row["uuid"], f"{row}: {tags}")
        check((tags["sightline.camera"], tags["sightline.location"]) == ("yard", "Behind the barn"), f"{tags}")
        check(end is None or 0 <= row["start"] - end < 1000, f"{row['start']} follows {end}")
        end = row["start"] + row["duration"]
    return pictures, sounds


def compare(site, trace, tail, before=float("inf")):
    """All that were sent `before` then are recorded, in order and at their times, but for at most `tail` at the end."""
    frames, (pictures, sounds) = sent(trace), recorded(site)
    frames = frames[:max(len(pictures), sum(frame < before for frame in frames))]
    off = [(b - a) / 1e6 for a, b in zip(frames, pictures)]
    worst, jump = max(map(abs, off)), max(abs(b - a) for a, b in zip(off, off[1:]))
    print(f"        {len(frames)} sent, {len(pictures)} recorded, {len(sounds)} of sound; off by {worst:.1f} ms", flush=True)
    check(len(frames) - tail <= len(pictures) <= len(frames), f"{len(frames)} pictures sent, {len(pictures)} recorded")
    check(worst < 100, f"pictures are off by {worst:.1f} ms")
    check(jump < 16, f"from one picture to the next they are off by {jump:.1f} ms: one is missing")
    check(len(pictures) > 50 and len(sounds) > 100, "too little was recorded")


def start(site, *args):
    trace = os.path.join(site.dir, "trace")
    sender = site.sender(site.add_camera("yard", "--location", "Behind the barn"), *SOURCE, "--trace", trace, *args)
    site.receiver.wait_line(r" camera yard: recording to yard/.*Z\.mp4$", timeout=30, tag="err")
    return sender, trace


def wait_figures(sender, count):
    mark = sender.mark()
    for _ in range(count):
        sender.wait_line(r"^stats ", since=mark)
        mark = sender.mark()


def wait_enough(sender):
    """Some seconds, of more pictures and sound than compare() asks for: a busy machine takes longer to make them."""
    wait_figures(sender, 4)

    def made():
        lines = [line for line in sender.out() if line.startswith("stats ")]
        pictures = sum(float(re.search(r" fps=([0-9.]+)", line)[1]) for line in lines)
        return pictures >= 100 and int(re.search(r" audio=(\d+)", lines[-1])[1]) >= 200

    until("enough pictures and sound", made, timeout=60)


def test_every_picture():
    with Site(receiver_args=["--segment", "3s"]) as site:
        sender, trace = start(site)
        wait_enough(sender)
        stopped = time.monotonic_ns()  # what is to be written then takes as long as the disk does; the sender goes on
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        sender.stop()
        check(len(rows(site)) >= 2, f"no segment was cut: {rows(site)}")
        compare(site, trace, 60, stopped)  # some were on their way


def test_every_picture_at_five_percent():
    with Site() as site:
        impair, via = site.impair(site.media_port(), "loss=5", "delay=5", "seed=7")
        sender, trace = start(site, "--via", via)
        wait_enough(sender)
        check(sender.stop() == 0, "the sender did not leave with 0")
        site.receiver.wait_line(r"camera yard: offline", tag="err")
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        impair.stop()
        lost = re.search(r"^up received \d+ .* lost (\d+) ", "\n".join(impair.out()), re.M)
        check(lost and int(lost[1]) > 0, f"nothing was lost, so nothing was tested: {impair.out()}")
        compare(site, trace, 5)  # what was lost in its last moment was not repaired


def test_rules_and_a_store_that_goes_away():
    with Site() as site:
        sender, _ = start(site, "--motion", "off")
        site.admin("camera", "set", "yard", "--record", "off")
        wait_figures(sender, 2)
        mark = site.receiver.mark()
        site.admin("camera", "set", "yard", "--record", "always")
        site.receiver.wait_line(r"recording to yard/", since=mark, tag="err")
        store, away = os.path.join(site.data, "recordings"), os.path.join(site.dir, "away")
        mark = site.receiver.mark()
        os.rename(store, away)
        site.receiver.wait_line(r"recording stopped", since=mark, tag="err")
        wait_figures(sender, 1)  # live goes on
        check(not os.path.exists(store), "something was written where the store is not")
        mark = site.receiver.mark()
        os.rename(away, store)
        site.receiver.wait_line(r"recording to yard/", since=mark, tag="err")
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        check(len(rows(site)) == 3, f"wanted three segments: {rows(site)}")
        for row in rows(site):
            probe(os.path.join(store, row["path"]))


if __name__ == "__main__":
    if not shutil.which("ffprobe") or not shutil.which("ffmpeg"):
        skip("ffmpeg is not installed")
    run_tests([], beside=[test_rules_and_a_store_that_goes_away, test_every_picture, test_every_picture_at_five_percent])
