"""Readings of a run that are sums over its files: what tools/claims, tools/dashboard and
tools/platform share."""
import csv
import json
import pathlib

import yaml

CAPACITY_LOSSES = ("shed", "queue_full", "timed_out", "abandoned", "failed")


def measured_windows(resolved, rows):
    """Windows after the warm-up while requests still arrive."""
    first = seconds_of(resolved.get("warm_up", 0))
    last = seconds_of(resolved.get("duration", 0)) or float("inf")
    return [row for row in rows
            if float(row["begin_s"]) >= first and float(row["end_s"]) <= last]


def mean_response_ms(result):
    """Of all requests that come to the edge, cached ones included: each stage's mean latency times its
    visits, over the visits of the first stage. What the edge answers itself ends there."""
    stages = result["stages"]
    return (sum(stage["mean_latency_ms"] * stage["served"] for stage in stages)
            / stages[0]["served"])


def waiting_mean(stages, span):
    """Requests that wait for a place in a batch, on average, by Little's law: the mean wait before the GPUs times
    the rate of those who were let in. `queued` of windows counts what is on its way through the stages, too.
    Of a line that only grows it is too little, since who still waits is not in it."""
    serving = next(stage for stage in stages if stage["stage"] == "serving")
    return serving["mean_wait_ms"] / 1000 * serving["let_in"] / span if span > 0 else 0


def stages_table(result):
    """Rows of the request path as markdown."""
    lines = ["| stage | offered | served | hits | p50, ms | p99, ms | p99 wait, ms | used % | busiest % | "
             "memory % | not served |", "|---|" + "---:|" * 9 + "---|"]
    share = lambda value: "" if value is None else f"{100 * value:.0f}"
    for stage in result["stages"]:
        lost = [f"{count:,} {name}" for name, count in stage["not_served"].items()]
        if stage["left_on_the_way"] > 0:
            lost.append(f"{stage['left_on_the_way']:,} left on the way")
        lines.append(f"| {stage['stage']} | {stage['offered']:,} | {stage['served']:,} | "
                     f"{stage['hits']:,} | {stage['median_latency_ms']:,.1f} | "
                     f"{stage['p99_latency_ms']:,.1f} | {stage['p99_wait_ms']:,.1f} | "
                     f"{share(stage['utilization'])} | {share(stage['busiest_window'])} | "
                     f"{share(stage['memory_usage'])} | {', '.join(lost)} |")
    return "\n".join(lines)


def bad_hours(rows, share=0.9):
    """Hours of windows in which at least that share of what ended was no good answer; only where
    nothing is answered from a cache."""
    return sum((float(row["end_s"]) - float(row["begin_s"])) / 3600 for row in rows
               if int(row["ended"]) > 0
               and 1 - int(row["completed"]) / int(row["ended"]) >= share)


def event_losses(resolved, rows):
    """By event of the users: share of what ended within its hours that got no good answer; only where
    nothing is answered from a cache."""
    events = (resolved["workload"].get("users") or {}).get("events") or {}
    losses = {}
    for name, event in events.items():
        begin = seconds_of(event["at"])
        end = begin + seconds_of(event["lasting"])
        within = [row for row in rows
                  if begin <= float(row["begin_s"]) and float(row["end_s"]) <= end]
        ended = sum(int(row["ended"]) for row in within)
        completed = sum(int(row["completed"]) for row in within)
        losses[name] = 1 - completed / ended if ended else 0
    return losses


def derived(result, resolved, rows):
    """What stands under `derived` for readings."""
    outcomes = result["requests"]["outcomes"]
    ended = sum(outcomes.values())
    output_tokens = sum(int(row["output_tokens"]) for row in rows)
    rows = measured_windows(resolved, rows)
    span = sum(float(row["end_s"]) - float(row["begin_s"]) for row in rows)
    figures = {
        "ended": ended,
        "cached_share": outcomes["cached"] / ended if ended else 0,
        "api_success": 1 - sum(outcomes[name] for name in CAPACITY_LOSSES) / ended if ended else 0,
        "lost": ended - outcomes["completed"] - outcomes["cached"],
        "bad_hours": bad_hours(rows),
        "output_tokens": output_tokens,  # of the whole run
    }
    if span > 0:
        figures["tokens_per_s"] = sum(int(row["output_tokens"]) for row in rows) / span
        figures["requests_per_s"] = sum(int(row["arrived"]) for row in rows) / span
        # Rates of the windows, in which requests arrive: a run's own totals hold its drain, too. What is still
        # in flight has arrived and has no answer: a long line is no success.
        arrived = result["requests"]["arrived"]
        answered = (outcomes["completed"] + outcomes["cached"]) / arrived if arrived else 0
        figures["answers_per_s"] = figures["requests_per_s"] * answered
        figures["prompt_tokens_per_s"] = sum(int(row["prompt_tokens"]) for row in rows) / span
        figures["running_mean"] = sum(int(row["running"]) for row in rows) / len(rows)
        figures["queued_mean"] = sum(int(row["queued"]) for row in rows) / len(rows)
        figures["utilization"] = sum(float(row["gpu_utilization"]) for row in rows) / len(rows)
    figures["event_loss"] = event_losses(resolved, rows)
    waited = [float(row["p99_queue_ms"]) for row in rows if float(row["p99_queue_ms"]) > 0]
    figures["last_queue_p99_s"] = waited[-1] / 1000 if waited else 0
    if "stages" in result:
        figures["mean_response_ms"] = mean_response_ms(result)
        figures["stage"] = {stage["stage"]: stage for stage in result["stages"]}
        figures["waiting_mean"] = waiting_mean(result["stages"], span)
    figures["tier"] = {part["name"]: part["metrics"] for part in result["slices"]
                       if part["kind"] == "tier"}
    return figures


UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}


def seconds_of(value):
    """A duration of a scenario in seconds; 0 is without a unit."""
    text = str(value)
    digits = len(text) - len(text.lstrip("0123456789.e+-"))
    return float(text[:digits] or 0) * UNITS[text[digits:] or "s"]


def read_run(folder):
    """{"result", "resolved"} of a run's folder, the former with `derived`."""
    folder = pathlib.Path(folder)
    result = json.loads((folder / "result.json").read_text())
    resolved = yaml.safe_load((folder / "scenario.resolved.yaml").read_text())
    with open(folder / "timeseries.csv", encoding="utf-8") as rows:
        result["derived"] = derived(result, resolved, list(csv.DictReader(rows)))
    return {"result": result, "resolved": resolved}
