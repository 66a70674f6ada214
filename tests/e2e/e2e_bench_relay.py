#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench relay and record: a few cameras and viewers through the real receiver; the counts add up, nothing is
lost, and what was sent is recorded."""
import json
import os
import subprocess
import tempfile

from sightline import check, program, run_tests

CAMERAS = 2


def bench(command, folder, *args):
    out = os.path.join(folder, "out.json")
    environment = {**os.environ, "TMPDIR": folder}
    run = subprocess.run([program("bench"), command, "--json", out, *args], env=environment, text=True,
                         capture_output=True, timeout=120)
    print(run.stdout, run.stderr, end="")
    check(run.returncode == 0, f"exit status {run.returncode}")
    check(os.listdir(folder) == ["out.json"], f"left behind: {os.listdir(folder)}")
    with open(out) as file:
        return json.load(file)["benches"][0]


def counts_add_up_at_low_load():
    with tempfile.TemporaryDirectory() as folder:
        result = bench("relay", folder, "--seconds", "2", "--cameras", str(CAMERAS))
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


def table(result, name):
    return next(table for table in result["tables"] if table["name"] == name)["rows"]


def what_is_sent_is_recorded():
    with tempfile.TemporaryDirectory() as folder:
        result = bench("record", folder, "--seconds", "2", "--cameras", str(CAMERAS), "--size", "640x360",
                       "--receiver-word=--segment", "--receiver-word=1s")
    alone, recorded = table(result, "cost")
    check((alone["kind"], recorded["kind"]) == ("relayed alone", "recorded"), f"in turns: {alone}, {recorded}")
    check(alone["record"] == alone["sync"] == alone["store"] == 0, f"no such threads: {alone}")
    check(recorded["record"] > 0 and recorded["hub"] > 0, f"they were found: {recorded}")
    check(alone["lost"] == recorded["lost"] == 0, "viewers miss nothing")
    files, = table(result, "files")
    check(files["sent"] > CAMERAS * 2 * 30 * 0.9 and files["recorded"] == files["sent"] and files["short"] == 0
          and files["left_out"] == 0, f"every frame is recorded: {files}")
    check(files["files"] >= CAMERAS * 2 and files["closed"] == files["files"] and files["bad"] == 0, f"whole files: {files}")
    check(files["fragments"] >= CAMERAS * 2 * 2 and files["files_rate"] > 0, f"{files}")
    check(files["written"] is None or files["written"] > 0, f"{files}")
    held = {(row["kind"], row["when"]): row for row in table(result, "held")}
    for kind in "relayed alone", "recorded":
        before, after = held[kind, "no camera yet"], held[kind, "all gone"]
        check(before["descriptors"] >= after["descriptors"], f"descriptors come back: {before}, {after}")
        check(before["threads"] == after["threads"], f"so do threads: {before}, {after}")
    check("goal of 5 %" in result["headlines"][0]["note"] and "not tried" in result["headlines"][0]["note"],
          f"{result['headlines']}")


run_tests([], beside=[counts_add_up_at_low_load, what_is_sent_is_recorded])
