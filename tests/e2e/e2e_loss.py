#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""5 % random loss and 10 ms RTT between sender and receiver: repair keeps the picture whole."""
import os
import re
import socket
import subprocess
import time

from sightline import Site, check, program, run_tests

SECONDS = int(os.environ.get("SL_E2E_SECONDS", "12"))


def test_five_percent():
    with Site() as site:
        impair, via = site.impair(site.media_port(), "loss=5", "delay=5", "seed=7")
        link = site.add_camera("yard")
        sender = site.sender(link, "--video", "test", "--audio", "none", "--size", "1280x720", "--bitrate", "2M",
                             "--via", via, "--stats", "1s")
        sender.wait_line("live yard", timeout=30)
        viewer = site.viewer("--hud", "off", "--stats", "1s", "--exit-after", f"{SECONDS}s")
        check(viewer.wait(SECONDS + 20) == 0, "the viewer did not leave with 0")
        rows = [re.match(r"^stats yard live shown ([0-9.]+)/s decoded ([0-9.]+)/s", line) for line in viewer.out()]
        rows = [(float(m[1]), float(m[2])) for m in rows if m][1:]
        check(len(rows) >= SECONDS - 4, f"too few lines of figures: {viewer.out()}")
        sent = [float(m[1]) for line in sender.out() if (m := re.match(r"^stats fps=([0-9.]+)", line))][2:]
        decoded = sum(row[1] for row in rows) / len(rows)
        fed = sum(sent) / len(sent)
        print(f"        sent {fed:.2f}/s, decoded {decoded:.2f}/s, shown {sum(row[0] for row in rows) / len(rows):.2f}/s; "
              f"{viewer.out()[-1]}", flush=True)
        check(decoded >= fed * 29.5 / 30, f"decoded {decoded:.2f} of {fed:.2f} frames/s")
        check_figures(sender, viewer)
        check_log(site, sender)
        impair.stop()
        tally = "\n".join(impair.out())
        up = re.search(r"^up received (\d+) .* lost (\d+) ", tally, re.M)
        check(up and int(up[2]) > 0, f"nothing was lost, so nothing was tested: {tally}")
        again = lost_of(int(up[1]), "loss=5", "seed=7")
        check(again == int(up[2]), f"the same seed lost {up[2]} of {up[1]} packets, then {again}")


def figures(line):
    return {key: float(value) for key, value in re.findall(r" ([a-z_]+)=(-?[0-9.]+)", line)}


def check_figures(sender, viewer):
    """What the uplink lost and repaired is the sender's to tell; the viewer tells of its own way, which is clean."""
    last = figures(sender.out()[-1])
    check(last["lost"] > 0 and last["fec_bytes"] + last["resent_bytes"] > 0, f"the sender tells of no repair: {last}")
    check(last["media_bytes"] > last["bytes"], f"the sender's bytes are less than what is in them: {last}")
    rows = [figures(line) for line in viewer.out() if line.startswith("stats yard live")]
    for row in rows:
        check(row["lost"] == row["by_fec"] + row["by_resend"] + row["given_up"], f"the viewer's sum is wrong: {row}")
    check(rows[-1]["kbps"] > 0 and rows[-1]["rtt_ms"] > 0, f"the viewer's figures are not there: {rows[-1]}")


def check_log(site, sender):
    """The receiver tells by itself of each 10 s, and at the end of all."""
    found = site.receiver.wait_line(r" repairs yard (?=lost=(\d+) by_fec=(\d+) by_resend=(\d+) ).* given_up=(\d+) .* over_s=\d+$",
                                    timeout=15, tag="err")
    lost, by_fec, by_resend, given_up = (int(found[i]) for i in range(1, 5))
    check(lost > 0 and lost == by_fec + by_resend + given_up, f"the receiver's sum is wrong: {found[0]}")
    sender.stop()
    ended = site.receiver.wait_line(r" repairs yard lost=(\d+) .* ended$", tag="err")
    check(int(ended[1]) >= lost, f"in all less than in 10 s: {ended[0]}")


def lost_of(count, *words):
    """What a relay of these words loses of `count` packets; asked through its stdin until it has had them all."""
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with subprocess.Popen([program("bench"), "impair", "0", str(target.getsockname()[1]), *words], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        try:
            port = int(relay.stdout.readline().split()[1])
            for sent in range(1, count + 1):
                client.sendto(b"x", ("127.0.0.1", port))
                if sent % 100 and sent < count:
                    continue
                came = lost = -1  # its socket has room for some hundreds
                end = time.monotonic() + 10
                while came < sent:
                    check(time.monotonic() < end, f"{came} of {sent} packets came")
                    relay.stdin.write("\n")
                    relay.stdin.flush()
                    up = re.match(r"^up received (\d+) .* lost (\d+) ", relay.stdout.readline())
                    relay.stdout.readline()  # down
                    came, lost = int(up[1]), int(up[2])
            return lost
        finally:
            relay.terminate()
            relay.stdin.close()


run_tests([test_five_percent])
