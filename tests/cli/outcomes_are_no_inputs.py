#!/usr/bin/env python3
"""No figure that a scenario is to bring out stands in it: for every outcome of the published list of
claims, the quantities of its words are looked for among the inputs of the scenario that tools/claims.yaml
runs for it (with what it extends). Exit 77 (skipped) where the list is not beside the checkout.

Objectives (thresholds, slo), people's words and what is measured of a run are no inputs. A quantity that
is stated as an input in the same row, or happens to be one elsewhere, is named with its reason in the
claim's `stated_inputs`.
"""
import os
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = {"thresholds", "slo", "metrics", "variants", "name", "description", "source", "as_of",
           "seed", "include", "extends"}
# unit: (dimension, factor)
UNITS = {"ms": ("time", 1e-3), "s": ("time", 1), "seconds": ("time", 1), "min": ("time", 60),
         "minute": ("time", 60), "minutes": ("time", 60), "h": ("time", 3600), "hour": ("time", 3600),
         "hours": ("time", 3600), "%": ("ratio", 0.01), "GB": ("size", 1e9), "TB": ("size", 1e12),
         "M": ("count", 1e6), "/s": ("rate", 1)}
QUANTITY = re.compile(r"(\$?)(\d[\d,]*(?:\.\d+)?)[ -]?(%|ms|seconds|minutes?|min|hours?|TB|GB|M|/s|s|h)?"
                      r"(?![A-Za-z0-9])")


def quantities(text):
    """(dimension, value) of every quantity in words; small bare numbers say nothing."""
    found = set()
    for dollar, digits, unit in QUANTITY.findall(text):
        value = float(digits.replace(",", ""))
        dimension, factor = UNITS.get(unit, ("count", 1))
        if dollar:
            dimension = "dollars"
        if dimension == "count" and value * factor < 1000:
            continue
        found.add((dimension, round(value * factor, 9)))
    return found


def scalars(node, path=""):
    """(path, value) of every input below `node`."""
    if isinstance(node, dict):
        for key, value in node.items():
            if str(key) not in SKIPPED:
                yield from scalars(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from scalars(value, f"{path}[{number}]")
    else:
        yield path, node


def extended(path):
    """The scenario and what it extends, each as it stands; a catalog is about hardware and prices."""
    document = yaml.safe_load(path.read_text())
    yield document
    if "extends" in document:
        yield from extended((path.parent / document["extends"]).resolve())


def typed_in(says, documents, allowed):
    wanted = quantities(says)
    for text in allowed:
        wanted -= quantities(str(text))
    for document in documents:
        for path, value in scalars(document):
            if isinstance(value, bool) or value is None:
                continue
            hits = quantities(str(value)) & wanted
            if isinstance(value, float) and 0 < value <= 1:
                hits |= {("ratio", round(value, 9))} & wanted
            for hit in hits:
                yield f"{path}: {value} ({hit[0]} {hit[1]:g})"


def main():
    # The search itself: planted figures are found, in each way of writing them.
    planted = {"rollouts": {"x": {"gate": {"delay": "180min", "share": 0.95}}}, "thresholds": {"a": "3h"}}
    if len(list(typed_in("95% degradation for 3 hours", [planted], []))) != 2:
        print("the search does not find what was planted")
        return 1
    shared = pathlib.Path(os.environ.get("PLIMSOLL_SHARED", ROOT.parent / "shared"))
    published = shared / "seed" / "claims.yaml"
    if not published.exists():
        print("the published list is not here")
        return 77
    words = {row["id"]: row["says"] for row in yaml.safe_load(published.read_text())["claims"]
             if row["kind"] == "outcome"}
    ledger = yaml.safe_load((ROOT / "tools" / "claims.yaml").read_text())
    looked_at, complaints = 0, []
    for claim in ledger["claims"]:
        if claim["id"] in words and "run" in claim:
            looked_at += 1
            documents = list(extended(ROOT / claim["run"]["scenario"]))
            complaints += [f"{claim['id']}: {claim['run']['scenario']}: {hit}" for hit in
                           typed_in(words[claim["id"]], documents, claim.get("stated_inputs", {}))]
    for complaint in complaints:
        print(complaint)
    if looked_at == 0:
        print("no outcome was looked at")
        return 1
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
