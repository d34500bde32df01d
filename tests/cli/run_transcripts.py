#!/usr/bin/env python3
"""Replays transcripts of the command line and compares what it prints and how it ends.

A transcript holds one or more commands, each with its output (stdout and stderr as a terminal would
show them) and its exit code:

    $ plimsoll validate bad/unknown_key.yaml
    bad/unknown_key.yaml:4:1: polls: unknown key (did you mean pools?)
    exit 2

'...' stands for any text within a line, a line of '...' alone for any number of lines. Lines that
begin with '#' before the first command are remarks. Each transcript runs in an empty folder in
which `bad`, `good` and `scenarios` are those of the checkout; commands are bash.

    run_transcripts.py PLIMSOLL [NAME...]       replay all, or the named transcripts
    run_transcripts.py PLIMSOLL --update        rewrite those that differ, for review by eye
    run_transcripts.py PLIMSOLL --new           write one for each file in bad/ that has none
    run_transcripts.py PLIMSOLL --complete      fail when a file in bad/ has no transcript
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TRANSCRIPTS = HERE / "transcripts"
TIME_LIMIT = 120  # seconds of one command


class Step:
    def __init__(self, command):
        self.command = command
        self.lines = []
        self.exit_code = None


def parse(text):
    """The remarks before the first command, and the steps."""
    remarks, steps = [], []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:]))
        elif not steps:
            remarks.append(line)
        elif re.fullmatch(r"exit \d+", line):
            steps[-1].exit_code = int(line[5:])
        elif steps[-1].exit_code is None:
            steps[-1].lines.append(line)
        elif line.strip():
            raise ValueError(f"a line after 'exit': {line}")
    return remarks, steps


def prepare(folder, plimsoll):
    programs = folder / ".bin"
    programs.mkdir()
    (programs / "plimsoll").symlink_to(plimsoll)
    work = folder / "tests" / "cli"  # as deep as in the checkout, for relative includes
    work.mkdir(parents=True)
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    (work / "bad").symlink_to(HERE / "bad")
    (work / "scenarios").symlink_to(ROOT / "scenarios")
    (work / "good").symlink_to(HERE / "good")
    environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
    return work, environment


def play(step, work, environment):
    done = subprocess.run(["bash", "-c", step.command], cwd=work, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIME_LIMIT, check=False)
    return done.stdout.splitlines(), done.returncode


def pattern(lines):
    """A regular expression for the expected lines."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*")
        else:
            parts.append(r".*".join(re.escape(piece) for piece in line.split("...")) + r"\n")
    return re.compile("".join(parts))


def matches(step, lines, code):
    text = "".join(line + "\n" for line in lines)
    return step.exit_code == code and pattern(step.lines).fullmatch(text) is not None


def render(remarks, results):
    text = "".join(line + "\n" for line in remarks)
    for command, lines, code in results:
        text += f"$ {command}\n" + "".join(line + "\n" for line in lines) + f"exit {code}\n"
    return text


def replay(path, plimsoll, update):
    """True when the transcript holds (or was brought up to date)."""
    remarks, steps = parse(path.read_text())
    if not steps:
        print(f"{path.name}: no command in it")
        return False
    good, results = True, []
    with tempfile.TemporaryDirectory() as folder:
        work, environment = prepare(pathlib.Path(folder), plimsoll)
        for step in steps:
            lines, code = play(step, work, environment)
            if matches(step, lines, code):
                results.append((step.command, step.lines, step.exit_code))
                continue
            good = False
            results.append((step.command, lines, code))
            print(f"{path.name}: $ {step.command}")
            expected = step.lines + [f"exit {step.exit_code}"]
            for line in difflib.unified_diff(expected, lines + [f"exit {code}"], "expected",
                                             "actual", lineterm="", n=1):
                print("  " + line)
    if not good and update:
        path.write_text(render(remarks, results))
        return True
    return good


def transcript_of(bad):
    return TRANSCRIPTS / f"bad_{bad.stem}.txt"


def bad_scenarios():
    return sorted((HERE / "bad").glob("*.yaml"))


def write_new(plimsoll):
    for bad in bad_scenarios():
        path = transcript_of(bad)
        if not path.exists():
            path.write_text(f"$ plimsoll validate bad/{bad.name}\nexit 2\n")
            replay(path, plimsoll, update=True)
    return True


def complete():
    wanted = {transcript_of(bad): bad for bad in bad_scenarios()}
    missing = [bad.name for path, bad in wanted.items() if not path.exists()]
    orphans = [path.name for path in TRANSCRIPTS.glob("bad_*.txt") if path not in wanted]
    for name in missing:
        print(f"bad/{name} has no transcript (run_transcripts.py PLIMSOLL --new)")
    for name in orphans:
        print(f"transcripts/{name} is of no file in bad/")
    return not missing and not orphans


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plimsoll", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--complete", action="store_true")
    arguments = parser.parse_intermixed_args()
    plimsoll = arguments.plimsoll.resolve()
    if arguments.new:
        return 0 if write_new(plimsoll) else 1
    if arguments.complete:
        return 0 if complete() else 1
    paths = ([TRANSCRIPTS / f"{name}.txt" for name in arguments.names]
             or sorted(TRANSCRIPTS.glob("*.txt")))
    failed = [path.name for path in paths if not replay(path, plimsoll, arguments.update)]
    print(f"{len(paths) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
