#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""5 % random loss and 10 ms RTT between sender and receiver: resends alone keep the picture whole."""
import os
import re

from sightline import Site, check, run_tests

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
        impair.stop()
        tally = "\n".join(impair.out())
        check(re.search(r"lost [1-9]", tally), f"nothing was lost, so nothing was tested: {tally}")


run_tests([test_five_percent])
