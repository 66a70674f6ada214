# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the real programs, started, watched and always ended.

    with Site() as site:                         # a receiver on free ports with a data store of its own
        camera = site.add_camera("yard")         # its enrolment link
        sender = site.sender(camera, "--video", "test", "--audio", "none")
        sender.wait_line("live yard")
        viewer = site.viewer("--stats", "1s", "--exit-after", "10s")   # under Xvfb

Every program's stdout and stderr are kept as lines with the time they came; on a failed test they are printed.
Leaving the `with` ends all programs and fails the test if one had to be killed or (when asked to stop) did not exit 0.
"""
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("SL_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build", "release")
SOURCE = os.environ.get("SL_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")
SKIP = 77  # CTest's SKIP_RETURN_CODE


def program(name):
    return os.path.join(BUILD, "sightline-" + name)


def skip(why):
    """Leaves with CTest's skip code; in CI a missing part is a failure, since scripts/setup installs it."""
    print("skipped:", why)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIP)


class Program:
    """One running program and everything it said."""

    def __init__(self, name, args, env=None, stdin=None):
        self.name = name
        self.args = [str(a) for a in args]
        self.lines = []   # (seconds, "out" or "err", text)
        self.changed = threading.Condition()
        self.stopped_by_us = False
        self.process = subprocess.Popen(self.args, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        env={**os.environ, **(env or {})})
        self.started = time.monotonic()
        self.readers = [threading.Thread(target=self._read, args=(stream, tag), daemon=True)
                        for stream, tag in ((self.process.stdout, "out"), (self.process.stderr, "err"))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, tag):
        for line in stream:
            with self.changed:
                self.lines.append((time.monotonic(), tag, line.rstrip("\n")))
                self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def out(self):
        return [text for _, tag, text in list(self.lines) if tag == "out"]

    def err(self):
        return [text for _, tag, text in list(self.lines) if tag == "err"]

    def mark(self):
        """A point to wait from: wait_line(..., since=mark)."""
        with self.changed:
            return len(self.lines)

    def wait_line(self, pattern, timeout=30, since=0, tag="out"):
        """The match object of the first line from `since` on that matches; AssertionError if none comes."""
        end = time.monotonic() + timeout
        at = since
        with self.changed:
            while True:
                while at < len(self.lines):
                    _, line_tag, text = self.lines[at]
                    found = re.search(pattern, text) if line_tag == tag else None
                    if found:
                        return found
                    at += 1
                left = end - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not any(r.is_alive() for r in self.readers)):
                    raise AssertionError(f"{self.name}: no line /{pattern}/ on std{tag} within {timeout} s "
                                         f"(exit status {self.process.poll()})")
                self.changed.wait(min(left, 0.2))

    def wait(self, timeout=30):
        """Exit status, once it has ended by itself."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s") from None
        for reader in self.readers:
            reader.join(5)
        return status

    def kill(self):
        """kill -9, as a power cut would."""
        self.stopped_by_us = True
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM; returns the exit status."""
        self.stopped_by_us = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def rss_kib(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def dump(self):
        print(f"--- {self.name}: {' '.join(self.args[1:])}")
        for when, tag, text in list(self.lines)[-60:]:
            print(f"    {when - self.started:8.3f} {tag} {text}")


class Site:
    """A receiver with a fresh data store, and whatever is started around it."""

    def __init__(self, receiver=True, receiver_args=()):
        self.dir = tempfile.mkdtemp(prefix="sightline-e2e-")
        self.data = os.path.join(self.dir, "data")
        self.programs = []
        self.display = None
        self.receiver_args = list(receiver_args)
        self.receiver = None
        self.host = None
        self.want_receiver = receiver

    def __enter__(self):
        try:
            if self.want_receiver:
                self.start_receiver()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        problems = []
        turn = {"receiver": 1, "impair": 1, "Xvfb": 2}  # senders and viewers, which need them, go first
        for now in range(3):
            running = [item for item in self.programs if item.process.poll() is None and turn.get(item.name, 0) == now]
            for item in running:  # all are told, then waited for
                item.stopped_by_us = True
                item.process.send_signal(signal.SIGTERM)
            for item in running:
                try:
                    status = item.wait()
                    if status != 0 and item.name != "Xvfb":
                        problems.append(f"{item.name} exited with {status} on SIGTERM")
                except AssertionError as error:
                    problems.append(str(error))
                    item.kill()
        if kind is not None or problems:
            for item in self.programs:
                item.dump()
        shutil.rmtree(self.dir, ignore_errors=True)
        if problems and kind is None:
            raise AssertionError("; ".join(problems))

    def run(self, name, *args, env=None, stdin=None):
        item = Program(name, args, env, stdin)
        self.programs.append(item)
        return item

    def start_receiver(self, *extra):
        """Starts (or starts again, on the same ports) the receiver and waits until it is ready."""
        listen = self.host or "127.0.0.1:0"
        self.receiver = self.run("receiver", program("receiver"), "run", "--data", self.data, "--listen", listen,
                                 *self.receiver_args, *extra)
        found = self.receiver.wait_line(r"^ready https://(\S+) media udp (\S+) pin (sha256//\S+)$")
        self.host, self.media, self.pin = found[1], found[2], found[3]
        return self.receiver

    def admin(self, *args, status=0):
        """Runs an admin command; returns its stdout lines."""
        done = subprocess.run([program("receiver"), *args, "--data", self.data], text=True, capture_output=True,
                              timeout=30)
        assert done.returncode == status, f"{args}: exit status {done.returncode}, wanted {status}: {done.stderr}"
        return done.stdout.splitlines()

    def add_camera(self, name, *args):
        lines = self.admin("camera", "add", name, *args)
        assert len(lines) == 1 and lines[0].startswith("sightline://"), lines
        return lines[0]

    def add_viewer(self, name="wall"):
        lines = self.admin("viewer", "add", name)
        assert len(lines) == 1 and lines[0].startswith("sightline://"), lines
        return lines[0]

    def sender(self, link, *args, stdin=None):
        return self.run("sender", program("sender"), "--to", link, *args, stdin=stdin)

    def xvfb(self, size="1280x720"):
        """Starts a virtual screen once; its display name."""
        if self.display is None:
            if not shutil.which("Xvfb"):
                skip("Xvfb is not installed")
            read, write = os.pipe()
            os.set_inheritable(write, True)
            process = Program.__new__(Program)
            process.name, process.args, process.lines = "Xvfb", ["Xvfb"], []
            process.changed, process.stopped_by_us, process.readers = threading.Condition(), False, []
            process.started = time.monotonic()
            process.process = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", size + "x24",
                                                "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL)
            os.close(write)
            self.programs.insert(0, process)
            with os.fdopen(read) as told:  # up to the newline: it is a write of its own, which must not fail
                self.display = ":" + told.readline().strip()
        return self.display

    def viewer(self, *args, link=None):
        env = {"DISPLAY": self.xvfb(), "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy"}
        return self.run("viewer", program("viewer"), "--from", link or self.add_viewer(f"wall{len(self.programs)}"),
                        *args, env=env)

    def impair(self, target_port, *args):
        """Starts the impairment relay in front of `target_port`; returns (program, "127.0.0.1:PORT")."""
        item = self.run("impair", program("bench"), "impair", "0", target_port, *args)
        port = item.wait_line(r"^ready (\d+)")[1]
        return item, f"127.0.0.1:{port}"

    def media_port(self):
        return int(self.media.rsplit(":", 1)[1])


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def until(what, condition, timeout=30):
    """What `condition` gives, once that is something."""
    end = time.monotonic() + timeout
    while not (got := condition()):
        check(time.monotonic() < end, f"never: {what}")
        time.sleep(0.05)
    return got


def soon(limit, attempt, times=3):
    """`attempt` gives how long it took. One of a few must be within `limit` seconds: what waits for a timer does so each time,
    a busy machine does not."""
    took = []
    while len(took) < times:
        took.append(attempt())
        if took[-1] < limit:
            return
    check(False, f"took {', '.join(f'{each:.2f}' for each in took)} s, limit {limit} s")


def run_test(test):
    """Runs it and prints its line; whether it held."""
    begun = time.monotonic()
    try:
        test()
        print(f"ok      {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    except Exception as error:  # pylint: disable=broad-except
        print(f"FAILED  {test.__name__}: {type(error).__name__}: {error}", flush=True)
        return False


class Beside:
    """A test in a process of its own; what it prints is kept until it has ended."""

    def __init__(self, test):
        self.said = tempfile.TemporaryFile("w+")
        sys.stdout.flush()
        self.process = multiprocessing.get_context("fork").Process(target=self._run, args=(test,))
        self.process.start()

    def _run(self, test):
        os.dup2(self.said.fileno(), 1)
        os.dup2(self.said.fileno(), 2)
        held = run_test(test)  # or leaves with skip()
        sys.stdout.flush()
        os._exit(0 if held else 1)

    def end(self):
        """Its exit status; prints what it said."""
        self.process.join()
        self.said.seek(0)
        print(self.said.read(), end="", flush=True)
        self.said.close()
        return self.process.exitcode


def run_beside(tests, at_once):
    """Runs these, so many at once; their exit statuses."""
    waiting, running, statuses = list(tests), [], []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(Beside(waiting.pop(0)))
        ready = multiprocessing.connection.wait([each.process.sentinel for each in running])
        for each in [each for each in running if each.process.sentinel in ready]:
            running.remove(each)
            statuses.append(each.end())
    return statuses


def run_tests(tests, beside=(), at_once=3):
    """Runs each function, prints one line each, exits non-zero if any failed. Those `beside` mostly wait, and judge no speed:
    they run `at_once`, the longest had better come first; then the others, one after the other."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wanted = sys.argv[1:]
    chosen, alone = ([test for test in some if not wanted or test.__name__ in wanted] for some in (beside, tests))
    statuses = run_beside(chosen, at_once)
    statuses += [0 if run_test(test) else 1 for test in alone]
    if any(status not in (0, SKIP) for status in statuses):
        sys.exit(1)
    sys.exit(SKIP if SKIP in statuses else 0)
