#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An emulated machine with a V4L2 camera (vivid) and a microphone (snd-aloop), in which the programs under test run.

    with Machine("vivid", "snd-aloop") as machine:       # booted, modules loaded
        machine.check("v4l2-ctl --list-devices")         # its output; AssertionError unless it exits with 0
        sender = machine.start(program("sender"), "--to", link, "--via", f"{HOST}:{port}", ...)
        sender.wait_line("^live yard$")

The machine's root is the root out here, for reading only: programs, libraries and the build have the same paths inside.
Inside, /run can be written to and is the current directory, and HOST is this machine's loopback, for TCP and UDP.
Leaving the `with` kills the machine and all in it, and so does the end of this process, however it comes.

    machine.py [MODULE]...     a shell in the machine, for trying things by hand; `exit` or Ctrl-A x ends it
"""
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from sightline import BUILD, SKIP, check, skip  # pylint: disable=wrong-import-position

HOST = "10.0.2.2"        # what qemu's user networking calls the machine outside
BOOT_TIMEOUT = 150       # emulated, on a machine that others use as well
FOLDER = os.path.abspath(os.path.join(BUILD, "vm"))


def prepare():
    """Makes kernel and initramfs unless they are there; skips the test where they are not to be had."""
    made = subprocess.run([os.path.join(HERE, "make_vm.sh"), FOLDER], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=240)
    if made.returncode == SKIP:
        skip(made.stdout.strip())
    check(made.returncode == 0, f"make_vm.sh: exit status {made.returncode}: {made.stdout}")


def command_line(modules, shell, serial):
    """qemu's: `serial` are its options for the serial ports (guest.sh). One processor: of two, emulated, one was seen to wait
    in the kernel for ever (soft lockup, as if the interrupt that it sent to the other had been lost)."""
    kernel = ["console=ttyS0", "quiet", "panic=-1", f"guest={HERE}/guest.sh", f"modules={FOLDER}/root",
              f"load={','.join(('virtio_net',) + modules)}", f"shell={shell}"]
    return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", "1", "-m", "1024", "-display", "none", "-monitor", "none", "-no-reboot", *serial,
            "-kernel", os.path.join(FOLDER, "kernel"), "-initrd", os.path.join(FOLDER, "initramfs"),
            "-append", " ".join(kernel),
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
            "-nic", "user,model=virtio-net-pci"]


class Machine:
    """The running machine; one command at a time, others may run beside it (start)."""

    def __init__(self, *modules):
        self.modules = modules
        self.dir = tempfile.mkdtemp(prefix="sightline-vm-")
        self.numbers = itertools.count(1)
        self.lines, self.changed = [], threading.Condition()
        self.started = []
        self.process = None

    def __enter__(self):
        try:
            prepare()
            self._boot()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if self.process and kind is not None and not (kind is SystemExit and value.code == 0):
                self._dump()
        finally:
            if self.process:
                self.process.kill()
                self.process.wait()
                self.reader.join(5)
            shutil.rmtree(self.dir, ignore_errors=True)

    def _boot(self):
        serial = ["-serial", f"file:{self.dir}/console", "-serial", "stdio", "-serial", f"file:{self.dir}/said"]
        self.process = subprocess.Popen(command_line(self.modules, "pipe", serial), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        begun = time.monotonic()
        self._until(re.compile("^ready$"), BOOT_TIMEOUT, 0)
        self.boot_seconds = time.monotonic() - begun

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\r\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def _until(self, pattern, timeout, at):
        """The match of the first line from number `at` on, and its number."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for number in range(at, len(self.lines)):
                    found = pattern.match(self.lines[number])
                    if found:
                        return found, number
                at = len(self.lines)
                left = end - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise AssertionError(f"the machine says nothing within {timeout} s"
                                         if left <= 0 else f"qemu has ended: {self.lines[-3:]}")
                self.changed.wait(min(left, 0.5))

    def run(self, command, timeout=60):
        """Runs a line of shell inside; (exit status, what it wrote). 124: it was stopped after `timeout` seconds."""
        number = next(self.numbers)
        at = len(self.lines)
        line = (f"timeout -k 5 {timeout} sh -c {shlex.quote(command)} </dev/null 2>&1; "
                f"printf '\\nend-{number} %d\\n' $?\n")
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        found, end = self._until(re.compile(rf"^end-{number} (\d+)$"), timeout + 60, at)
        return int(found[1]), "\n".join(self.lines[at:end]).rstrip("\n")

    def check(self, command, timeout=60):
        status, output = self.run(command, timeout)
        check(status == 0, f"in the machine: {command}: exit status {status}: {output}")
        return output

    def start(self, *args):
        """Starts a program inside that runs on."""
        started = Started(self, [str(a) for a in args])
        self.started.append(started)
        return started

    def _dump(self):
        try:
            for started in self.started:
                started.dump()
        except (AssertionError, OSError) as error:
            print(f"--- the machine: {error}")
        print("--- the machine's kernel")
        try:
            said = self.run("dmesg", timeout=10)[1].splitlines()
        except AssertionError:  # it answers no more; the console has what is urgent, without where the processors were
            with open(os.path.join(self.dir, "console"), errors="replace") as console:
                said = console.read().splitlines()
        print("".join(f"    {line}\n" for line in said[-120:]))


class Started:
    """A program inside, and what it said on both streams. It comes by a serial port of its own, each line with the program's
    number before it: nothing has to run inside to look at it."""

    def __init__(self, machine, args):
        self.machine, self.args = machine, args
        self.number = next(machine.numbers)
        started = "sh -c 'echo \"pid $$\"; exec setsid \"$@\" 4>&-' sh " + shlex.join(args)
        machine.check(f"{{ {started} </dev/null 2>&1; echo \"ended $?\"; }} | sed -u 's/^/{self.number} /' >&4 &")
        self.pid = int(self.wait_line(r"^pid (\d+)$")[1])

    def output(self):
        """All lines so far; the first is the process's number, the last, once it has ended, its exit status."""
        with open(os.path.join(self.machine.dir, "said"), errors="replace") as said:
            lines = said.read().split("\n")[:-1]
        mark = f"{self.number} "
        return [line[len(mark):] for line in lines if line.startswith(mark)]

    def mark(self):
        """A point to wait from: wait_line(..., since=mark)."""
        return len(self.output())

    def wait_line(self, pattern, timeout=60, since=0):
        """The match of the first line from `since` on."""
        end = time.monotonic() + timeout
        while True:
            ended = self.status() is not None
            for line in self.output()[since:]:
                found = re.search(pattern, line)
                if found:
                    return found
            if ended or time.monotonic() > end:
                raise AssertionError(f"{os.path.basename(self.args[0])} in the machine: no line /{pattern}/ within "
                                     f"{timeout} s (exit status {self.status()})")
            time.sleep(0.05)

    def status(self):
        """Exit status, None while it runs."""
        ended = [line for line in self.output()[-1:] if re.match(r"ended \d+$", line)]
        return int(ended[0].split()[1]) if ended else None

    def stop(self, timeout=60):
        """SIGTERM; returns the exit status."""
        self.machine.run(f"kill {self.pid}")
        self.wait_line("^ended ", timeout)
        return self.status()

    def holds(self):
        """What it has open and mapped, sorted and without numbers; and its threads. Connections, which come and go, aside."""
        said = self.machine.check(f"cd /proc/{self.pid} && ls -l fd | sed -n 's/.* -> //p' && grep -o '/dev/.*' maps; "
                                  f"ls task | sed 's/.*/thread/'")
        return sorted(re.sub(r"\d+", "", line) for line in said.splitlines() if not line.startswith("socket:"))

    def dump(self):
        print(f"--- in the machine: {shlex.join(self.args)} (exit status {self.status()})")
        print("".join(f"    {line}\n" for line in self.output()[-60:]))


def main():
    prepare()
    os.execvp("setpriv", command_line(tuple(sys.argv[1:] or ["vivid", "snd-aloop"]), "terminal",
                                      ["-serial", "null", "-serial", "mon:stdio"]))


if __name__ == "__main__":
    main()
