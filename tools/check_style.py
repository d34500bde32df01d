#!/usr/bin/env python3
"""Holds the habits of this code base that a compiler does not.

    tools/check_style.py                       sources, tests, layout
    tools/check_style.py --plimsoll PROGRAM    also: generated documents are up to date
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

TOP_LEVEL = {"CMakeLists.txt", "README.md", "LICENSE", "src", "include", "scenarios", "tests",
             "bench", "docs", "tools"}

# What each room may include of the others. Public headers count as the room that implements them.
ROOMS = {
    "base": set(),
    "scenario": {"base"},
    "config": {"scenario", "base"},
    "fleet": {"config", "base"},
    "perf": {"fleet", "config", "base"},
    "workload": {"config", "base"},
    "engine": {"base"},
    "policies": {"config", "base"},
    "serving": {"fleet", "perf", "policies", "engine", "workload", "config", "base"},
    "service": {"serving", "fleet", "perf", "policies", "engine", "workload", "config", "base"},
    "operations": {"serving", "fleet", "perf", "policies", "engine", "config", "base"},
    "metrics": {"serving", "config", "base"},
    "cost": {"metrics", "config", "base"},
    "reports": {"metrics", "cost", "config", "base"},
    "study": {"reports", "config", "base"},
}
ROOMS["simulation"] = set(ROOMS) - {"study"}
ROOMS["cli"] = set(ROOMS)

PUBLIC_OWNER = {
    "units.hpp": "base", "errors.hpp": "base", "ids.hpp": "base", "rng.hpp": "base",
    "stages.hpp": "base", "path_config.hpp": "config", "config.hpp": "config",
    "faults_config.hpp": "config", "rollout_config.hpp": "config", "operations_summary.hpp": "base",
    "autoscale_config.hpp": "config",
    "users_config.hpp": "config", "horizon_config.hpp": "config", "horizon_summary.hpp": "config",
    "scenario.hpp": "config", "workload.hpp": "workload", "metric_docs.hpp": "config",
    "metrics.hpp": "metrics", "report.hpp": "reports", "run_scenario.hpp": "simulation",
    "elasticity_config.hpp": "config", "elasticity_metrics.hpp": "config",
    "allocation_config.hpp": "config", "allocation_summary.hpp": "base",
    "money_config.hpp": "config", "money.hpp": "metrics",
    "energy_summary.hpp": "metrics", "monitoring_config.hpp": "config",
    "counted_classes.hpp": "config", "experiments_config.hpp": "config",
    "experiments_summary.hpp": "metrics",
    "monitoring_summary.hpp": "metrics",
    "policies/params.hpp": "base",
}
# A header that is vocabulary and may be seen where its room may not.
VOCABULARY = {("metrics.hpp", "serving"), ("serving/events.hpp", "metrics")}

# Who alone may include what (other people's headers).
CONFINED = [
    (re.compile(r"^(simgrid|xbt)[/.]"), {"src/engine"}, "SimGrid"),
    (re.compile(r"^yaml-cpp/"), {"src/scenario"}, "yaml-cpp"),
    (re.compile(r"^CLI/"), {"src/cli"}, "CLI11"),
]
# Tests and benchmarks that measure the library itself.
CONFINED_EXEMPT = {"bench/e2e", "tests/unit/engine"}
HEAVY = re.compile(r"^(nlohmann/|yaml-cpp/|CLI/|Eigen/|simgrid/|rapidcheck)")

BANS = [
    (re.compile(r"\bstd::rand\b|\bsrand\s*\("), "std::rand (use a RandomStream)"),
    (re.compile(r"\bsystem_clock\b"), "system_clock (no wall clock in results)"),
    (re.compile(r"\bstd::(random_device|mt19937|uniform_\w+_distribution|normal_distribution|"
                r"exponential_distribution|poisson_distribution|gamma_distribution|"
                r"lognormal_distribution)\b"), "std:: randomness (boost.random over Draws)"),
    (re.compile(r"\bstd::hash\b"), "std::hash (differs between libraries; use stable_hash)"),
    (re.compile(r"\bdouble\s+\w+_(s|ms|us|ns|bytes|gb)\s*[,)]"),
     "a double parameter with its unit in the name (use a unit type)"),
    (re.compile(r"\b(FIXME|XXX|HACK)\b"), "FIXME and the like"),
    (re.compile(r"\busing namespace std\s*;"), "using namespace std"),
    (re.compile(r"#include <(format|expected|source_location|ranges)>"),
     "a header that clang 14 does not compile"),
]
LIBRARY_BANS = [
    (re.compile(r"\bstd::unordered_(map|set)\b"),
     "an unordered container (its order may reach a result)"),
    (re.compile(r"\bstd::(cout|cerr|clog)\b|\b(std::)?printf\s*\(|\bfmt::print\s*\("),
     "printing in a library (only the command line prints)"),
    (re.compile(r"(?<![\w:.])(std::)?(exit|abort|_exit|quick_exit)\s*\("),
     "ending the process in a library"),
]
FUNCTION_LIMIT = 70
COLUMNS = 100
FILE_NAME = re.compile(r"^[a-z0-9_]+\.(cpp|hpp)$")


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, path, line, message):
        where = path.relative_to(ROOT) if isinstance(path, pathlib.Path) else path
        self.lines.append(f"{where}:{line}: {message}" if line else f"{where}: {message}")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                yield path


def without_comments_and_strings(text):
    """The same text with comments and literals blanked, line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'R"\w*\((?:.|\n)*?\)\w*"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|'
                  r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", blank, text)


def include_lines(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def room_of_include(include):
    """The room that an include of ours belongs to, or None."""
    if include.startswith("plimsoll/"):
        name = include[len("plimsoll/"):]
        return PUBLIC_OWNER.get(name, "policies" if name.startswith("policies/") else None)
    head = include.split("/")[0]
    return head if head in ROOMS else None


def check_rooms(findings):
    for path in sources("src"):
        room = path.relative_to(ROOT / "src").parts[0]
        if room not in ROOMS:
            findings.add(path, 0, f"{room} is no room (see docs/architecture.md)")
            continue
        for number, include in include_lines(path.read_text()):
            other = room_of_include(include)
            short = include.removeprefix("plimsoll/")
            if include.startswith("plimsoll/") and other is None:
                findings.add(path, number, f"{include} belongs to no room (tools/check_style.py)")
            if other is None or other == room or other in ROOMS[room]:
                continue
            if (short, room) in VOCABULARY:
                continue
            findings.add(path, number, f"room {room} may not include {include} (room {other})")
    for path in sources("include"):
        for number, include in include_lines(path.read_text()):
            if not include.startswith("plimsoll/") and "/" in include and (
                    include.split("/")[0] in ROOMS):
                findings.add(path, number, f"a public header may not include {include}")


def check_confined(findings):
    for path in sources("src", "include", "tests", "bench"):
        relative = str(path.relative_to(ROOT))
        exempt = any(relative.startswith(folder + "/") for folder in CONFINED_EXEMPT)
        for number, include in include_lines(path.read_text()):
            for pattern, allowed, name in CONFINED:
                inside = any(relative.startswith(folder + "/") for folder in allowed)
                if pattern.match(include) and not inside and not exempt:
                    findings.add(path, number,
                                 f"only {', '.join(sorted(allowed))} includes {name}")
            own = relative.startswith("src/engine/") and include.startswith("simgrid/")
            if path.suffix == ".hpp" and HEAVY.match(include) and not own:
                findings.add(path, number, f"{include} is too heavy for a header")


def check_bans(findings):
    for path in sources("src", "include", "tests", "bench"):
        relative = path.relative_to(ROOT)
        text = path.read_text()
        code = without_comments_and_strings(text).splitlines()
        bans = list(BANS)
        if relative.parts[0] == "src" and relative.parts[1] != "cli":
            bans += LIBRARY_BANS
        for number, line in enumerate(code, 1):
            for pattern, what in bans:
                if pattern.search(line):
                    findings.add(path, number, f"banned: {what}")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > COLUMNS:
                findings.add(path, number, f"{len(line)} columns (at most {COLUMNS})")
            if re.search(r"\b(FIXME|XXX|HACK|TODO)\b", line):
                findings.add(path, number, "a note to finish something (do it or open an issue)")


def check_file_comment(findings):
    for path in sources("src", "include", "tests", "bench"):
        lines = path.read_text().splitlines()
        if not lines or not lines[0].startswith("//"):
            findings.add(path, 1, "no comment that says which part of the pipeline this is")
        if path.suffix == ".hpp" and "#pragma once" not in lines:
            findings.add(path, 1, "no #pragma once")
        if not FILE_NAME.match(path.name):
            findings.add(path, 0, "file names are snake_case")


NOT_A_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|template\s*<[^>]*>\s*(class|struct))\b")


def check_functions(findings):
    """Function bodies by brace matching; names are snake_case, types CamelCase."""
    for path in sources("src", "include", "tests", "bench"):
        code = without_comments_and_strings(path.read_text())
        check_type_names(findings, path, code)
        lines = code.splitlines()
        stack = []  # (is_function, first line)
        statement_start, statement = 0, ""
        for number, line in enumerate(lines, 1):
            if line.lstrip().startswith("#"):
                continue
            for character in line:
                if character == "{":
                    inside = any(is_function for is_function, _ in stack)
                    is_function = (not inside and ")" in statement
                                   and not NOT_A_FUNCTION.match(statement.strip() or " ")
                                   and not re.search(r"=\s*$", statement))
                    stack.append((is_function, statement_start or number))
                    statement, statement_start = "", 0
                elif character == "}":
                    if stack:
                        is_function, first = stack.pop()
                        length = number - first + 1
                        if is_function and length > FUNCTION_LIMIT:
                            findings.add(path, first, f"a function of {length} lines (at most "
                                                      f"{FUNCTION_LIMIT})")
                    statement, statement_start = "", 0
                elif character == ";":
                    statement, statement_start = "", 0
                else:
                    if not statement.strip() and not character.isspace():
                        statement_start = number
                    statement += character
            statement += " "


def check_type_names(findings, path, code):
    for number, line in enumerate(code.splitlines(), 1):
        match = re.match(r"\s*(?:class|struct|enum class|enum)\s+([A-Za-z_]\w*)\s*(?:final)?\s*"
                         r"(?::[^:]|\{)", line)
        if match and not re.match(r"^[A-Z][A-Za-z0-9]*$", match.group(1)):
            # Traits of other libraries keep their spelling.
            if match.group(1) not in ("hash", "formatter", "sigaction"):
                findings.add(path, number, f"type {match.group(1)} is not CamelCase")
        match = re.match(r"^(?:[\w:<>&*,\s]+\s)?\**&?(?:\w+::)*([A-Za-z_]\w*)\([^;]*$", line)
        if match and re.match(r"^[a-z]+[A-Z]", match.group(1)):
            findings.add(path, number, f"function {match.group(1)} is not snake_case")


def check_cmake_lists(findings):
    lists = "\n".join(path.read_text() for folder in ("src", "tests", "bench")
                      for path in sorted((ROOT / folder).rglob("CMakeLists.txt")))
    for path in sources("src", "tests", "bench"):
        if path.suffix == ".cpp" and not re.search(rf"(?<!\w){re.escape(path.stem)}(\.cpp)?(?!\w)",
                                                   lists):
            findings.add(path, 0, "in no CMakeLists.txt")


def check_layout(findings):
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True,
                             check=False)
    names = ({line.split("/")[0] for line in listing.stdout.splitlines()}
             if listing.returncode == 0 and listing.stdout
             else {path.name for path in ROOT.iterdir()} - {"build", "results"})
    for name in sorted(names):
        if name not in TOP_LEVEL and not name.startswith("."):
            findings.add(name, 0, "does not belong at the top level")
    for name in sorted(TOP_LEVEL - names):
        findings.add(name, 0, "is missing at the top level")


def check_generated(findings, plimsoll):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "gen_docs"), "--check",
                           "--plimsoll", str(plimsoll)], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        for line in (done.stdout + done.stderr).splitlines():
            findings.add("docs", 0, line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plimsoll", type=pathlib.Path)
    arguments = parser.parse_args()
    findings = Findings()
    check_layout(findings)
    check_rooms(findings)
    check_confined(findings)
    check_bans(findings)
    check_file_comment(findings)
    check_functions(findings)
    check_cmake_lists(findings)
    if arguments.plimsoll:
        check_generated(findings, arguments.plimsoll.resolve())
    print("\n".join(findings.lines))
    print(f"{len(findings.lines)} findings")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    sys.exit(main())
