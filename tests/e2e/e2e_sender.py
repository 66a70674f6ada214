#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sender against the real receiver: what it says, how it ends, and that nothing typed is needed to come back."""
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sightline import SOURCE, Program, Site, check, program, run_tests, until  # noqa: E402

LINK = "sightline://" + "A" * 43 + "@127.0.0.1:1/yard?pin=sha256//" + "A" * 43 + "="
SMALL = ("--size", "320x240", "--fps", "15", "--bitrate", "300k")
MEDIA = os.path.join(SOURCE, "tests", "media")


def run_sender(*args, stdin=None, timeout=20):
    """Runs it to its end; (exit status, stdout, stderr)."""
    done = subprocess.run([program("sender"), *args], input=stdin if stdin is not None else b"", capture_output=True,
                          timeout=timeout)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(status, pattern, *args, **named):
    """The run ends with `status` and exactly one line on stderr, which matches; stdout stays empty."""
    got, out, err = run_sender(*args, **named)
    check(got == status, f"{args}: exit status {got}, wanted {status}; said {err!r}")
    check(out == "", f"{args}: wrote {out!r}")
    check(len(err.splitlines()) == 1, f"{args}: wanted one line, got {err!r}")
    check(re.search(pattern, err), f"{args}: said {err!r}, wanted /{pattern}/")
    check("A" * 43 not in err.replace(LINK, ""), f"{args}: the token is in {err!r}")


def figures(sender, since=0):
    """Figures of the next line of --stats."""
    line = sender.wait_line(r"^stats (.*)", since=since)[1]
    return dict(item.split("=") for item in line.split())


def wrong_command_lines():
    test = ("--to", LINK, "--video", "test")
    expect(2, r"--to is missing", "--video", "test")
    expect(2, r"--video is missing", "--to", LINK)
    expect(2, r"--to: .*wanted sightline://", "--to", "http://receiver/", "--video", "test")
    expect(2, r"got 'jack', wanted test, alsa:DEVICE or none", *test, "--audio", "jack")
    expect(2, r"got 'v4l:/dev/video0', wanted test, v4l2:DEVICE, y4m:PATH", "--to", LINK, "--video", "v4l:/dev/video0")
    expect(2, r"--format: got 'gif', wanted auto, ", "--to", LINK, "--video", "v4l2:auto", "--format", "gif")
    expect(1, r"v4l2:/dev/null: not a camera", "--to", LINK, "--video", "v4l2:/dev/null")
    expect(1, r"v4l2:/dev/no-such: there is no such device", "--to", LINK, "--video", "v4l2:/dev/no-such")
    expect(2, r"--size: got '1280', wanted WIDTHxHEIGHT", *test, "--size", "1280")
    expect(2, r"--fps: got 'fast', wanted a whole number", *test, "--fps", "fast")
    expect(2, r"--retries: got 'many', wanted forever", *test, "--retries", "many")
    expect(2, r"--fec: got 'much', wanted auto, off, or", *test, "--fec", "much")
    expect(2, r"--min-bitrate: got 500000, wanted at most --bitrate, which is 400000", *test, "--bitrate", "400k",
           "--min-bitrate", "500k")
    expect(2, r"unknown encoder 'h265'; wanted auto or libx264", *test, "--encoder", "h265")
    expect(2, r"unknown preset 'warp'; wanted auto", *test, "--preset", "warp")
    expect(2, r"unexpected argument 'yard'", *test, "yard")


def sources_are_looked_at_before_anybody_is_called():
    with tempfile.TemporaryDirectory() as folder:
        letter = os.path.join(folder, "letter.mp4")
        with open(letter, "w", encoding="ascii") as file:
            file.write("This is no film.\n" * 100)
        to = ("--to", LINK, "--video")
        expect(1, r"file:\S+: No such file", *to, "file:" + os.path.join(folder, "none.mp4"))
        expect(1, r"letter.mp4: not a media file", *to, "file:" + letter)
        expect(1, r"y4m:\S+: not YUV4MPEG2", *to, "y4m:" + letter)
        expect(1, r"y4m:\S+: No such file", *to, "y4m:" + os.path.join(folder, "none.y4m"))
        expect(1, r"y4m:-: ended within its header", *to, "y4m:-")
        expect(1, r"4:2:0", *to, "y4m:-", stdin=b"YUV4MPEG2 W16 H16 F1:1 C444\n")
        expect(1, r"link's file", "--to", "@" + os.path.join(folder, "none"), "--video", "test")


def nobody_there():
    expect(1, r"connection refused", "--to", LINK, "--video", "test", "--retries", "0")
    begun = time.monotonic()
    status, out, err = run_sender("--to", LINK, "--video", "test", "--retries", "3")
    check(status == 1 and out == "", (status, out))
    check(len(err.splitlines()) == 2, err)  # that it tries again, and that it gave up
    check(time.monotonic() - begun < 8, "three tries took too long")
    sender = Program("sender", [program("sender"), "--to", LINK, "--video", "test"])
    sender.wait_line(r"connection refused", tag="err")
    check(sender.stop() == 0, "SIGTERM while trying must end it with 0")


def a_signal_while_a_source_is_silent():
    read, write = os.pipe()
    for number in (signal.SIGINT, signal.SIGTERM):
        with os.fdopen(os.dup(read)) as stdin:
            sender = Program("sender", [program("sender"), "--to", LINK, "--video", "y4m:-"], stdin=stdin)
            until("the handlers", lambda: caught(sender, number))
            sender.process.send_signal(number)
            check(sender.wait() == 0 and not sender.err(), f"{sender.wait()} {sender.err()}")
    os.close(read)
    os.close(write)


def caught(sender, number):
    for line in open(f"/proc/{sender.pid}/status", encoding="ascii"):
        if line.startswith("SigCgt:"):
            return int(line.split()[1], 16) >> (number - 1) & 1
    return False


def refusals_end_it_at_once():
    with Site() as site:
        link = site.add_camera("yard")
        test = ("--video", "test", *SMALL)
        expect(1, r"token", "--to", link.replace("/yard?", "/garden?"), *test)
        expect(1, r"token", "--to", re.sub("//.{43}@", "//" + "A" * 43 + "@", link), *test)
        expect(1, r"pinned", "--to", re.sub("sha256//.{8}", "sha256//AAAAAAAA", link), *test)
        first = site.sender(link, *test)
        first.wait_line("^live yard$")
        # A second sender for a live camera: as an outage, until it is its turn.
        second = site.sender(link, *test)
        second.wait_line(r"trying again", tag="err")
        check(not second.out(), second.out())
        expect(1, r"(?i)publish|live|taken|in use", "--to", link, *test, "--retries", "0")
        check(first.stop() == 0, "first sender")
        second.wait_line("^live yard$")
        check(first.out() == ["live yard"], first.out())
        check(first.err() == [], first.err())


def live_with_sound_and_away_cleanly():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), "--video", "test", "--audio", "test", *SMALL, "--stats", "1s",
                             "--burn", "time,name,location,fps", "--location", "Hof, Süd")
        sender.wait_line("^live yard$")
        site.receiver.wait_line(r"yard: live", tag="err")
        figures(sender)
        # A busy machine makes one second of few pictures and the next of many.
        seen = until("15 pictures a second", lambda: (found := figures(sender, since=sender.mark()))
                     and 13 <= float(found["fps"]) <= 17 and found)
        check(int(seen["audio"]) >= 50, seen)
        check(int(seen["keys"]) >= 1 and seen["losses"] == "0", seen)
        check(sender.stop() == 0, "exit status")
        site.receiver.wait_line(r"yard: offline.*goodbye", tag="err")


def files_play_once_or_for_ever():
    with Site() as site:
        link = site.add_camera("yard")
        clip = os.path.join(site.dir, "clip.y4m")
        with open(clip, "wb") as file:
            file.write(b"YUV4MPEG2 W64 H48 F20:1\n")
            for i in range(10):
                file.write(b"FRAME\n" + bytes([16 + 20 * i]) * (64 * 48 * 3 // 2))
        begun = time.monotonic()
        status, out, err = run_sender("--to", link, "--video", "y4m:" + clip)
        check((status, out, err) == (0, "live yard\n", ""), (status, out, err))
        check(time.monotonic() - begun > 0.4, "ten pictures at 20/s in no time")
        with open(clip, "rb") as file:
            status, _, err = run_sender("--to", link, "--video", "y4m:-", stdin=file.read())
        check((status, err) == (0, ""), (status, err))  # as live input: it may be over before anybody is reached
        sender = site.sender(link, "--video", "y4m:" + clip, "--loop", "--stats", "1s")
        sender.wait_line("^live yard$")
        figures(sender)
        until("its 20 a second", lambda: float(figures(sender, since=sender.mark())["fps"]) > 15)
        check(sender.stop() == 0, "exit status")
        film = os.path.join(MEDIA, "street.mp4")
        if os.path.exists(film):
            sender = site.sender(link, "--video", "file:" + film, "--loop", "--size", "320x180", "--stats", "1s")
            sender.wait_line("^live yard$")
            figures(sender)
            until("its pictures and sound", lambda: (seen := figures(sender, since=sender.mark()))
                  and float(seen["fps"]) > 24 and int(seen["audio"]) > 40)


def a_live_pipe_that_ends():
    with Site() as site:
        link = site.add_camera("yard")
        read, write = os.pipe()
        with os.fdopen(read) as stdin:
            sender = site.sender(link, "--video", "y4m:-", stdin=stdin)
        frame = b"FRAME\n" + bytes([99]) * (64 * 48 * 3 // 2)
        os.write(write, b"YUV4MPEG2 W64 H48 F30:1\n" + frame)
        sender.wait_line("^live yard$")
        for _ in range(15):
            os.write(write, frame)
            time.sleep(1 / 30)
        os.close(write)
        check(sender.wait() == 0, "exit status at the end of the input")
        check(sender.err() == [], sender.err())


def back_after_the_receiver(rounds=5):
    """Killed (-9) and started again: live again within 2 s of its being ready (at the median: a machine may be busy with
    something else), and nothing is leaked."""
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), "--video", "test", "--audio", "test", *SMALL)
        sender.wait_line("^live yard$")
        before, took = None, []
        for _ in range(rounds):
            mark = sender.mark()
            site.receiver.kill()
            sender.wait_line("^reconnecting$", since=mark)
            site.start_receiver()
            begun = time.monotonic()
            sender.wait_line("^live yard$", since=mark)
            took.append(time.monotonic() - begun)
            if before is None:
                before = sender.threads(), sender.descriptors()
        check(statistics.median(took) < 2 and max(took) < 10, f"{took} s until it was back")
        until(f"as many threads and files as {before}", lambda: (sender.threads(), sender.descriptors()) == before)


def a_stopped_sender_comes_back_live():
    """A sender that slept for 3 s (SIGSTOP) is back by itself, and does not play what it slept through."""
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), "--video", "test", *SMALL, "--stats", "500ms")
        sender.wait_line("^live yard$")
        sender.process.send_signal(signal.SIGSTOP)
        waker = threading.Timer(3, lambda: sender.process.send_signal(signal.SIGCONT))
        waker.start()
        waker.join()
        mark, ages = sender.mark(), []
        for _ in range(6):
            ages.append(float(figures(sender, since=mark)["age_ms"].split("/")[0]))
            mark = sender.mark()
        check(min(ages[1:]) < 200, f"ages {ages} ms")  # the first is of before
        check(sender.out().count("live yard") >= 1 and sender.process.poll() is None, sender.out())


if __name__ == "__main__":
    run_tests([], beside=[
        back_after_the_receiver, a_stopped_sender_comes_back_live, files_play_once_or_for_ever, refusals_end_it_at_once,
        live_with_sound_and_away_cleanly, wrong_command_lines, nobody_there, a_live_pipe_that_ends,
        sources_are_looked_at_before_anybody_is_called, a_signal_while_a_source_is_silent])
