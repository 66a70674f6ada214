#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Footage taken away: a range as five kinds of file, to the picture, and snapshots; with the real programs."""
import json
import os
import pty
import re
import sqlite3
import subprocess
import time

from sightline import Site, check, program, run_tests, until

WIDTH, HEIGHT, FPS, FRAMES, BITS = 320, 96, 20, 500, 10


def film(path):
    """Each picture shows its number: a bar for each bit, white for a 1."""
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 C420jpeg\n" % (WIDTH, HEIGHT, FPS))
        for number in range(FRAMES):
            row = b"".join((b"\xd2" if number >> bit & 1 else b"\x28") * (WIDTH // BITS) for bit in range(BITS))
            file.write(b"FRAME\n" + row * HEIGHT + b"\x80" * (WIDTH * HEIGHT // 2))


def numbers(path):
    """The number that each picture of a film shows; nothing of it may fail to decode."""
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-vf",
                           f"scale={BITS}:1:flags=area", "-f", "rawvideo", "-pix_fmt", "gray", "-"],
                          capture_output=True, timeout=30)
    check(done.returncode == 0 and not done.stderr, f"{path}: {done.stderr.decode()}")
    return [sum((bar > 120) << bit for bit, bar in enumerate(done.stdout[at:at + BITS]))
            for at in range(0, len(done.stdout), BITS)]


def probe(path, *what):
    done = subprocess.run(["ffprobe", "-v", "error", "-of", "json", *what, path], capture_output=True, text=True,
                          timeout=30)
    check(done.returncode == 0 and not done.stderr, f"{path}: {done.stderr}")
    return json.loads(done.stdout)


def packet_times(path, stream):
    packets = probe(path, "-select_streams", stream, "-show_entries", "packet=pts_time,duration_time,flags,size")
    return [(float(p["pts_time"]), float(p.get("duration_time", 0)), "K" in p["flags"])
            for p in packets["packets"] if "pts_time" in p and int(p["size"]) > 0]


def recorded(site):
    """(moment, number, whether it is a key frame) of each picture, read from the segments themselves."""
    store, found = os.path.join(site.data, "recordings", "yard"), []
    paths = sorted(os.path.join(day, name) for day, _, names in os.walk(store) for name in names)
    for path in paths:
        tags = probe(path, "-show_entries", "format_tags")["format"]["tags"]
        start = int(tags["sightline.start"]) / 1e6
        found += [(start + at, number, key) for (at, _, key), number in zip(packet_times(path, "v:0"), numbers(path))]
    return len(paths), found


def utc(moment):
    whole = int(moment)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + ".%06dZ" % round((moment - whole) * 1e6)


def export(site, name, begin, end, *more, status=0):
    """Its file and what its line tells; or with a status what it says instead."""
    path = os.path.join(site.dir, name)
    done = subprocess.run([program("receiver"), "export", "--camera", "yard", "--from", begin, "--to", end, "-o", path,
                           "--data", site.data, *more], capture_output=True, text=True, timeout=60)
    check(done.returncode == status, f"{name}: exit status {done.returncode}: {done.stderr}")
    if status != 0:
        check(done.stdout == "" and len(done.stderr.splitlines()) == 1, f"{name}: {done.stdout}{done.stderr}")
        return path, done.stderr
    check(done.stderr == "", done.stderr)  # not a terminal: no progress either
    return path, dict(word.split("=", 1) for word in done.stdout.split()[1:])


def export_open(site, sender, count):
    """What can be had while it is written: at least so many pictures, up to the newest that has reached the file. When a
    fragment does is the disk's affair."""
    while True:
        check(sender.process.poll() is None, f"not {count} pictures were to be had before the film was over")
        path = os.path.join(site.dir, "open.mp4")
        done = subprocess.run([program("receiver"), "export", "--camera", "yard", "--from", "-1m", "--to", "now", "-o", path,
                               "--force", "--data", site.data], capture_output=True, text=True, timeout=60)
        if done.returncode == 0 and len(found := numbers(path)) >= count:
            return found
        check(done.returncode == 0 or "no picture of yard" in done.stderr or "nothing" in done.stderr, done.stderr)
        time.sleep(0.2)


def closed(site):
    """(how many segments are whole, their pictures, how many are not)"""
    with sqlite3.connect(f"file:{site.data}/catalogue.db?mode=ro", uri=True) as catalogue:
        return catalogue.execute("SELECT count(*) FILTER (WHERE NOT open), coalesce(sum(frames) FILTER (WHERE NOT open), 0),"
                                 " count(*) FILTER (WHERE open) FROM segments").fetchone()


def check_export(site, name, truth, first, last, slack, *more):
    """Pictures `first` to before `last`, when they were taken, with their sound."""
    path, told = export(site, name, utc(truth[first][0] - 0.002), utc(truth[last][0] - 0.002), *more)
    want = [number for _, number, _ in truth[first:last]]
    got = numbers(path)
    check(got == want, f"{name}: pictures {got[:5]}..{got[-3:]}, wanted {want[:5]}..{want[-3:]}")
    video, sound = packet_times(path, "v:0"), packet_times(path, "a:0")
    check(int(told["frames"]) == len(want) == len(video), f"{name}: {told}, {len(video)} packets")
    for (at, _, _), (moment, _, _) in zip(video, truth[first:last]):
        wanted = moment - truth[first][0]
        check(abs(at - video[0][0] - wanted) <= slack, f"{name}: a picture at {at}, wanted {wanted}")
    # What decoders drop at the beginning (priming) comes before 0 and is not heard.
    heard = [(at, lasts) for at, lasts, _ in sound if at + lasts > 0.001]
    check(abs(max(heard[0][0], 0) - video[0][0]) <= 0.040, f"{name}: sound begins at {heard[0][0]}")
    end = truth[last][0] - truth[first][0]
    check(abs(sum(heard[-1]) - end) <= 0.060, f"{name}: sound ends at {sum(heard[-1])}, pictures at {end}")
    check(abs(float(told["duration_s"]) - end) <= 0.003 and os.path.getsize(path) == int(told["bytes"]), str(told))
    return told


def check_snapshots(site, truth):
    """The first key frame of each 2 s, and the newest one."""
    store = os.path.join(site.data, "snapshots", "yard")
    found = sorted(os.path.join(day, name) for day, _, names in os.walk(store) for name in names)
    dated = [path for path in found if not path.endswith("/latest.jpg")]
    check(len(found) == len(dated) + 1 and len(dated) >= 4, f"{found}")
    periods = set()
    for path in found:
        moment = os.stat(path).st_mtime
        near = min(truth, key=lambda picture: abs(picture[0] - moment))
        check(near[2] and abs(near[0] - moment) < 0.002 and numbers(path) == [near[1]], f"{path}: {near}, {moment}")
        if path in dated:
            check(path.endswith(time.strftime("/%Y-%m-%d/%H_%M_%S.jpg", time.gmtime(moment))), path)
            check(moment // 2 not in periods, f"{path}: a second one in its two seconds")
            periods.add(moment // 2)
    newest = max(picture for picture in truth if picture[2])
    check(abs(os.stat(os.path.join(store, "latest.jpg")).st_mtime - newest[0]) < 0.002, "latest.jpg is not the newest")


def check_terminal(site, truth):
    """How far it is, on a terminal only."""
    ours, theirs = pty.openpty()
    done = subprocess.run([program("receiver"), "export", "--camera", "yard", "--from", utc(truth[0][0]), "--to", "now",
                           "-o", os.path.join(site.dir, "terminal.mp4"), "--data", site.data],
                          stdout=subprocess.PIPE, stderr=theirs, timeout=60)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    check(done.returncode == 0 and re.match(r"\r\S+terminal.mp4: +\d+ % of \d+ s \r", shown), repr(shown))


def check_refusals(site, truth, path):
    begin, end = utc(truth[0][0]), utc(truth[-1][0])
    before = os.stat(path)
    said = export(site, os.path.basename(path), begin, end, status=1)[1]
    check("is there already; --force" in said and os.stat(path) == before, said)
    said = export(site, "none.mp4", utc(truth[-1][0] + 3600), utc(truth[-1][0] + 3700), status=1)[1]
    check(re.search(r"no picture of yard from \S+ to \S+; the last one before ends at 20", said), said)
    export(site, "none.ogg", begin, end, status=2)
    export(site, "none.mp4", "teatime", end, status=2)
    export(site, "none.mp4", end, begin, status=2)
    check(not [name for name in os.listdir(site.dir) if name.startswith("none") or name.endswith(".part")],
          str(os.listdir(site.dir)))


def test_a_range_as_five_kinds_of_file():
    """Over segments, from the middle of a GOP: every picture, in its time, with its sound; and snapshots."""
    with Site(receiver_args=["--segment", "3s", "--snapshot-every", "2s"]) as site:
        source = os.path.join(site.dir, "film.y4m")
        film(source)
        sender = site.sender(site.add_camera("yard"), "--video", f"y4m:{source}", "--audio", "test", "--gop", "1s",
                             "--retries", "0")
        sender.wait_line("^live yard")
        early = export_open(site, sender, 3 * FPS)
        until("enough segments", lambda: sender.process.poll() is not None or closed(site)[0] >= 2 and closed(site)[1] >= 120)
        check(sender.stop() == 0, "the sender did not leave with 0")
        site.receiver.wait_line("yard.*(offline|left|ended)", tag="err")
        until("the last segment is whole", lambda: closed(site)[0] >= 3 and closed(site)[2] == 0)
        segments, truth = recorded(site)
        check(segments >= 3 and len(truth) >= 100, f"{len(truth)} pictures in {segments} segments")
        seen = [number for _, number, _ in truth]  # the sender may have left some out, on a busy machine
        begin = seen.index(early[0])
        check(early == seen[begin:begin + len(early)] and len(early) >= FPS, f"while it is written: {early}")
        # A key frame with none behind it for a while: where a segment begins there is one out of turn.
        first = next(i for i in range(5, 60) if [picture[2] for picture in truth[i:i + 8]] == [True] + 7 * [False]) + 7
        last = len(truth) - 9
        remade = next(i for i in range(first, last) if truth[i][2]) - first
        for name in ("a.mp4", "a.mkv", "a.mov"):
            told = check_export(site, name, truth, first, last, 0.002)
            check(int(told["remade"]) == remade, str(told))
        check_export(site, "a.webm", truth, first, last, 0.002)
        check_export(site, "a.avi", truth, first, last, 0.040)
        key = first - 7
        told = export(site, "fast.mp4", utc(truth[first][0] - 0.002), utc(truth[last][0] - 0.002), "--fast")[1]
        check(int(told["remade"]) == 0 and int(told["frames"]) == last - key, str(told))
        check(numbers(os.path.join(site.dir, "fast.mp4")) == [n for _, n, _ in truth[key:last]], "fast.mp4")
        check_terminal(site, truth)
        check_refusals(site, truth, os.path.join(site.dir, "a.mp4"))
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        check_snapshots(site, truth)


if __name__ == "__main__":
    run_tests([test_a_range_as_five_kinds_of_file])
