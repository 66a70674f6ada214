#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench report and compare: from a file to a page and a table; wrong command lines in one line."""
import html.parser, json, os, subprocess, sys, tempfile

BENCH = os.path.join(os.environ.get("SL_BUILD", "build/debug"), "sightline-bench")
EXAMPLE = os.path.join(os.environ.get("SL_SOURCE", "."), "tests/fuzz/corpus/bench_result/document.json")
if not os.path.exists(BENCH):
    print("no sightline-bench in this build")
    sys.exit(77)


def check(what, held):
    if not held:
        print("FAILED:", what)
        sys.exit(1)
    print("ok:", what)


def bench(*words):
    return subprocess.run([BENCH, *words], capture_output=True, text=True, timeout=30)


def refused(said, *words):
    done = bench(*words)
    check(f"{' '.join(words)}: {done.stderr.strip()}",
          done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr and not done.stdout)


class Outline(html.parser.HTMLParser):
    """Tags and their attributes; what is never closed."""

    VOID = {"meta", "rect", "path", "circle"}
    IMPLIED = {"td", "th", "tr", "p", "li"}  # may be left open

    def __init__(self):
        super().__init__()
        self.seen, self.open, self.wrong = set(), [], []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.wrong += [f"{tag} {name}" for name, value in attributes
                       if name.startswith("on") or name in ("src", "href") and not value.startswith("#")]
        if tag not in self.VOID and tag not in self.IMPLIED:
            self.open.append(tag)
        if tag in ("rect", "path", "circle") and not self.get_starttag_text().rstrip().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        if tag in self.IMPLIED:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")


with tempfile.TemporaryDirectory() as folder:
    page = os.path.join(folder, "page.html")
    done = bench("report", EXAMPLE, page)
    check("a page is made", done.returncode == 0 and not done.stderr)
    outline = Outline()
    outline.feed(open(page, encoding="utf-8").read())
    check(f"tags are closed in order: {outline.wrong} {outline.open}", not outline.wrong and not outline.open)
    check("it has plots and tables, no script", {"svg", "table"} <= outline.seen and "script" not in outline.seen
          and "b" not in outline.seen)

    run = json.load(open(EXAMPLE))
    row = run["benches"][0]["tables"][0]["rows"][0]
    row["p50"] /= 2
    other = os.path.join(folder, "other.json")
    json.dump(run, open(other, "w"))
    done = bench("compare", EXAMPLE, EXAMPLE)
    check("a run is like itself", done.returncode == 0 and "1 figure: 0 better, 0 worse" in done.stdout
          and "CONDITIONS" not in done.stdout)
    done = bench("compare", EXAMPLE, other)
    check("half the delay is better", done.returncode == 0 and "1 figure: 1 better" in done.stdout
          and "0.500  better" in done.stdout)

    refused("wanted two", "compare", EXAMPLE)
    refused("wanted results of sightline-bench", "compare", EXAMPLE, BENCH)
    refused("wanted results of sightline-bench", "report", os.path.join(folder, "page.html"), page)
    refused("wanted latency, fps, loss, relay, wall, capture, record, all", "nothing")
    refused("wanted options only", "latency", "more")
    refused("wanted a file that can be written", "wall", "--json", folder)
    refused("wanted none for all", "all", "--cameras", "2")
    refused("wanted at most", "latency", "--cameras", "17")
