#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cameras by RTSP, played by gst-rtsp-server: passed through bit by bit, decoded where they must be, back by themselves."""
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sightline import BUILD, SKIP, SOURCE, Program, Site, check, program, run_tests, skip  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PEOPLE = os.path.join(SOURCE, "tests", "media", "people.mp4")
LINK = "sightline://" + "A" * 43 + "@127.0.0.1:1/yard?pin=sha256//" + "A" * 43 + "="
PYTHON = "/usr/bin/python3"  # the one that python3-gi is for
MEDIA = tempfile.mkdtemp(prefix="sightline-rtsp-")


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", *args], check=True, stdin=subprocess.DEVNULL)


def clip(name, *args):
    """people.mp4 made into what a camera sends; the path."""
    path = os.path.join(MEDIA, name)
    if not os.path.exists(path):
        ffmpeg("-i", PEOPLE, *args, path)
    return path


def long(name, *args):
    """The same over and over for some minutes: a camera ends its session with its film, a test on a busy machine later."""
    path = os.path.join(MEDIA, name)
    if not os.path.exists(path):
        once = clip("once-" + name, *args)
        ffmpeg("-stream_loop", "12", "-i", once, "-c", "copy", path)
    return path


X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-s", "384x288")


def plain():
    return long("plain.mp4", *X264, "-bf", "0", "-c:a", "copy")


def pay_h264(path, sound=""):
    return (f"( filesrc location={path} ! qtdemux name=d d.video_0 ! queue ! h264parse ! "
            f"rtph264pay name=pay0 pt=96 config-interval=-1 {sound} )")


def pay_only(path, parse, pay):
    return f"( filesrc location={path} ! matroskademux ! {parse} ! {pay} name=pay0 pt=96 )"


AAC = "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
PCMU = "d.audio_0 ! queue ! rtppcmupay name=pay1"


class Camera:
    """A server on a port of the kernel's choice, or on `port`."""

    def __init__(self, *args, port=0):
        self.run = Program("camera", [PYTHON, os.path.join(HERE, "rtsp_camera.py"), port, *args])
        self.port = int(self.run.wait_line(r"^ready (\d+)")[1])

    def url(self, name="cam", login="", scheme="rtsp"):
        return f"{scheme}://{login}127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def camera(*args, port=0):
    served = Camera(*args, port=port)
    try:
        yield served
    finally:
        served.run.kill()


def slices(annexb):
    """Hashes of the slices of each picture of a clip, in order; pictures of one slice."""
    nals = [nal.rstrip(b"\0") for nal in re.split(b"\0\0\1", annexb)[1:]]
    return [hashlib.sha1(nal).hexdigest() for nal in nals if nal[0] & 31 in (1, 5)]


def watch(url, count, transport="tcp"):
    """What the source gives: its first line, and for each unit (key, hashes)."""
    done = subprocess.run([os.path.join(BUILD, "tests", "test_sender_rtsp"), url, str(count), transport],
                          capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"{url}: {done.stderr}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return " ".join(lines[0]), [(line[0] == "1", line[3:]) for line in lines[1:]]


def passed_through_bit_by_bit():
    raw = clip("plain.h264", *X264, "-bf", "0", "-an")
    wanted = slices(open(raw, "rb").read())
    mp4 = clip("copy.mp4", "-i", raw, "-map", "1:v", "-c", "copy")
    with camera("cam=" + pay_h264(mp4), "other=" + pay_h264(mp4)) as served:
        for transport in ("tcp", "udp"):
            kind, units = watch(served.url(), 40, transport)
            check(kind.startswith("encoded 384x288 10/1 64"), kind)
            got = [one for _, hashes in units for one in hashes]
            check(len(got) == 40 and got[0] in wanted, f"{transport}: {units[:3]}")
            first = wanted.index(got[0])
            check(got == wanted[first:first + 40], f"{transport}: not what was sent")
            check([key for key, _ in units] == [(first + i) % 10 == 0 for i in range(40)], f"{transport}: keys")


def on_the_wall(site, link, url, *args, sound=True):
    """The sender is live with this, and a viewer shows it; the sender."""
    sender = site.sender(link, "--video", url, "--stats", "1s", *args)
    sender.wait_line("^live", timeout=30)
    viewer = site.viewer("--stats", "1s")
    viewer.wait_line(r"^stats yard live shown [1-9]", timeout=30)
    viewer.wait_line(r"^stats yard live shown [1-9]", since=viewer.mark())
    seen = sender.wait_line(r"^stats fps=(?!0\.0).* audio=(\d+)", since=sender.mark())
    check((int(seen[1]) > 0) == sound, seen[0])
    check(viewer.stop() == 0, "viewer")
    return sender


def cameras_with_sound():
    pcmu = long("pcmu.mov", *X264, "-bf", "0", "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1")
    with camera("aac=" + pay_h264(plain(), AAC), "pcmu=" + pay_h264(pcmu, PCMU)) as served:
        for name in ("aac", "pcmu"):
            with Site() as site:
                sender = on_the_wall(site, site.add_camera("yard"), served.url(name), "--rtsp-transport", "auto")
                check(sender.stop() == 0 and not sender.err(), sender.err())


def what_is_not_plain_h264_is_decoded():
    """H.264 with B slices, H.265, MJPEG."""
    reordered = clip("reordered.mp4", *X264, "-bf", "2", "-an")
    hevc = clip("hevc.mkv", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=10",
                "-s", "384x288", "-an")
    jpeg = long("jpeg.mkv", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "default", "-s", "384x288", "-an")
    with camera("reordered=" + pay_h264(reordered), "hevc=" + pay_only(hevc, "h265parse", "rtph265pay"),
                "jpeg=" + pay_only(jpeg, "jpegparse", "rtpjpegpay")) as served:
        for name in ("reordered", "hevc", "jpeg"):
            kind, _ = watch(served.url(name), 5)
            check(kind.startswith("pictures 384x288 10/1"), f"{name}: {kind}")
        with Site() as site:
            sender = on_the_wall(site, site.add_camera("yard"), served.url("jpeg"), "--size", "192x144",
                                 "--burn", "time", sound=False)
            check(sender.stop() == 0 and not sender.err(), sender.err())


def it_comes_back_by_itself():
    stream = "cam=" + pay_h264(plain(), AAC)
    with Site() as site:
        with camera(stream) as served:
            sender = on_the_wall(site, site.add_camera("yard"), served.url())
            wall = site.viewer("--stats", "500ms")
            wall.wait_line(r"^stats yard live shown [1-9]")
        sender.wait_line(r"127.0.0.1:\d+/cam: .*; trying again$", tag="err")
        wall.wait_line(r"^stats yard no-signal ")
        site.receiver.wait_line(r"camera yard: no signal from its device$", tag="err")
        late = site.viewer("--stats", "500ms")  # and no picture has ever come
        late.wait_line(r"^stats yard no-signal ")
        sender.wait_line(r"Connection refused; trying again$", tag="err")
        with camera(stream, port=served.port):
            sender.wait_line(r"it sends again, after \d", tag="err")
            mark = sender.mark()
            sender.wait_line(r"^stats fps=[1-9]", since=mark)
            site.receiver.wait_line(r"camera yard: its device is back$", tag="err")
            for viewer in (wall, late):
                mark = viewer.mark()
                viewer.wait_line(r"^stats yard live shown [1-9]", since=mark)
                check(viewer.stop() == 0, "viewer")
        check(sender.out()[0] == "live yard" and "reconnecting" not in sender.out(), sender.out())
        check(len(sender.err()) <= 4, sender.err())
        check(sender.stop() == 0, "exit status")


def expect(status, pattern, *args):
    """The sender ends with `status` and one line, which matches and has no password."""
    done = subprocess.run([program("sender"), "--to", LINK, *args], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    check(done.returncode == status, f"{args}: exit status {done.returncode}, said {done.stderr!r}")
    check(len(done.stderr.splitlines()) == 1 and re.search(pattern, done.stderr), f"{args}: said {done.stderr!r}")
    check("hunter" not in done.stderr and not done.stdout, f"{args}: {done.stderr!r} {done.stdout!r}")


def what_goes_wrong_is_one_line():
    with camera("--login", "eve:hunter2", "cam=" + pay_h264(plain())) as served:
        expect(1, r"rtsp://127\S+: the camera asks for a user and a password \(401\)", "--video", served.url())
        expect(1, r"rtsp://eve:\*\*\*@127\S+: the camera refuses the user or the password \(401\)",
               "--video", served.url(login="eve:hunter3@"))
        expect(1, r"no such path \(404\)", "--video", served.url("garden", "eve:hunter2@"))
        port = served.port
    expect(1, r"Connection refused", "--video", f"rtsp://eve:hunter2@127.0.0.1:{port}/")
    with Site() as site:
        expect(1, r"does not speak RTSP|has ended|reset", "--video", f"rtsp://eve:hunter2@{site.host}/")
    with camera("--udp-only", "cam=" + pay_h264(plain())) as served:
        expect(1, r"refuses the transport \(461\)", "--video", served.url())
        kind, _ = watch(served.url(), 3, "udp")
        check(kind.startswith("encoded"), kind)
    expect(2, r"got 'rtps://eve:\*\*\*@cam', wanted test, .* or rtsp://", "--video", "rtps://eve:hunter2@cam")
    expect(1, r"not a URL; wanted rtsp://USER:PASSWORD@HOST", "--video", "rtsp:cam")
    expect(2, r"--rtsp-transport: got 'smoke', wanted tcp, udp or auto", "--video", "test", "--rtsp-transport", "smoke")
    expect(1, r"cannot read '/no/such'", "--video", "@/no/such")


def logins_stay_secret():
    secret = "hunter2"
    with Site() as site, camera("--login", f"eve:{secret}", "--digest", "cam=" + pay_h264(plain())) as served:
        url = served.url(login=f"eve:{secret}@")
        path = os.path.join(site.dir, "url")
        with open(path, "w", encoding="ascii") as file:
            file.write(url + "\n")
        for video in (url, "@" + path):
            sender = site.sender(site.add_camera("yard" if video == url else "gate"), "--video", video, "--bitrate", "5M",
                                 "--size", "64x64", "--verbose")
            sender.wait_line("^live")
            sender.wait_line(r"sent as it is; not used: --size, --bitrate$", tag="err")
            with open(f"/proc/{sender.pid}/cmdline", "rb") as file:
                shown = file.read().replace(b"\0", b" ").decode()
            check(secret not in shown, shown)
            check(video != url or "rtsp://eve:***@127" in shown, shown)
            check(secret not in "".join(sender.err() + sender.out()), sender.err())


def over_tls():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{MEDIA}/key.pem",
                    "-out", f"{MEDIA}/cert.pem", "-subj", "/CN=camera"], check=True, capture_output=True)
    with camera("--tls", MEDIA, "--login", "eve:hunter2", "cam=" + pay_h264(plain())) as served:
        kind, units = watch(served.url(login="eve:hunter2@", scheme="rtsps"), 15)
        check(kind.startswith("encoded") and any(key for key, _ in units), kind)
        expect(1, r".", "--video", served.url())  # plain, to a port of TLS


def look_for_what_is_needed():
    if not shutil.which("ffmpeg"):
        skip("ffmpeg is not installed")
    if not os.path.exists(PYTHON):
        skip(f"{PYTHON} is not there")
    probe = subprocess.run([PYTHON, os.path.join(HERE, "rtsp_camera.py"), "x", "x"], capture_output=True, text=True,
                           timeout=60)
    if probe.returncode == SKIP:
        skip("gst-rtsp-server for Python (gir1.2-gst-rtsp-server-1.0, python3-gi) " + probe.stdout.strip())
    elements = ("qtdemux", "matroskademux", "h264parse", "rtph264pay", "rtph265pay", "rtpjpegpay", "rtpmp4gpay")
    if shutil.which("gst-inspect-1.0"):
        for element in elements:
            if subprocess.run(["gst-inspect-1.0", "--exists", element]).returncode:
                skip(f"GStreamer has no {element}")


look_for_what_is_needed()
try:
    plain()  # for all of them
    run_tests([], beside=[cameras_with_sound, what_is_not_plain_h264_is_decoded, it_comes_back_by_itself,
                          passed_through_bit_by_bit, what_goes_wrong_is_one_line, logins_stay_secret, over_tls])
finally:
    shutil.rmtree(MEDIA, ignore_errors=True)
