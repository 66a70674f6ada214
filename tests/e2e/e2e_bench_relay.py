#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench relay: a few cameras and viewers through the real receiver; the counts add up and nothing is lost."""
import json
import os
import subprocess
import tempfile

from sightline import check, program, run_tests

CAMERAS = 2


def relay(folder, *args):
    out = os.path.join(folder, "out.json")
    environment = {**os.environ, "TMPDIR": folder}
    run = subprocess.run([program("bench"), "relay", "--json", out, *args], env=environment, text=True,
                         capture_output=True, timeout=120)
    print(run.stdout, run.stderr, end="")
    check(run.returncode == 0, f"exit status {run.returncode}")
    check(os.listdir(folder) == ["out.json"], f"left behind: {os.listdir(folder)}")
    with open(out) as file:
        return json.load(file)["benches"][0]


def counts_add_up_at_low_load():
    with tempfile.TemporaryDirectory() as folder:
        result = relay(folder, "--seconds", "2", "--cameras", str(CAMERAS))
    check(result["name"] == "relay", "it is the relay's result")
    steps = next(table for table in result["tables"] if table["name"] == "steps")["rows"]
    check([(row["cameras"], row["viewers"]) for row in steps] == [(CAMERAS, 1), (CAMERAS, 2), (CAMERAS, 4)],
          "1, 2 and 4 viewers of each camera")
    for row in steps:
        # What one camera sends in a tenth of a second may be on its way at either end.
        on_the_way = row["in"] / 10 * row["viewers"]
        check(row["wanted"] > 0 and abs(row["wanted"] - row["received"] - row["lost"]) <= on_the_way,
              f"received + lost is what was published x viewers: {row}")
        check(row["lost"] == 0 and row["repaired"] == 0, f"nothing is lost: {row}")
        check(0 < row["p50"] <= row["p99"], f"delays are delays: {row}")
        check(0 < row["relay_p50"] <= row["relay_p99"], f"so are times in the receiver: {row}")
        check(0 < row["cores"] < 1 and row["cpu_ns"] > 0, f"the receiver's time was found: {row}")
    check(steps[2]["out"] > 3 * steps[0]["out"], "four viewers get four times what one gets")
    check({plot["name"] for plot in result["plots"]} == {"cost", "work", "out", "delay"}, "four plots")


run_tests([counts_add_up_at_low_load])
