# SPDX-License-Identifier: Apache-2.0
"""The table in docs/reliability.md: written by a whole run, and checked against the list of scenarios by every run."""
import os
import re
import time

import sandbox

PAGE = os.path.join(sandbox.ROOT, "docs", "reliability.md")
BEGIN, END = "<!-- the run writes from here -->", "<!-- to here -->"
HEAD = ["fault", "times", "events acknowledged", "lost", "incidents missing", "duplicates", "longest recovery"]


def cell(row, notes):
    if "skipped" in row:
        return f"| {row['fault']} | not here: {row['skipped']} | | | | | |"
    if "lost" not in row:
        return f"| {row['fault']} | {row['times']} | **did not end: {row['wrong'][0].splitlines()[-1][:80]}** | | | | |"
    mark = ""
    if row["nature"] or row["facts"]:
        text = " ".join([row["nature"].format(**row)] * bool(row["nature"]) + [f"{f}." for f in row["facts"]])
        notes.append(text)
        mark = f" [{len(notes)}]"

    def number(n):
        return f"**{n}**" if n else "0"
    return (f"| {row['fault']}{mark} | {row['times']:,}{' ' * bool(row['unit'])}{row['unit']} | {row['acknowledged']:,} | {number(row['lost'])} | {number(row['missing'])} | {number(row['duplicates'])} | "
            f"{row['recovery']:.1f} s |")


def summary(done, rows):
    """Faults are summed where a row counts faults; what floods, waits or is sent is not one."""
    of_kind = {kind: sum(r["faults"] for r in done if r["kind"] == kind) for kind in ("kill", "power")}
    events = sum(r["acknowledged"] for r in done)
    how = "`make torture LONG=1`" if all(r["long"] for r in rows) else "`make torture`"
    return (f"{sum(r['faults'] for r in done):,} faults, {of_kind['kill']:,} of them kills by name or by chance and {of_kind['power']:,} power cuts; {events:,} acknowledged events; "
            f"{sum(r['seconds'] for r in rows) / 60:.0f} minutes, {how} of {time.strftime('%Y-%m-%d')}.")


def table(rows, scenarios):
    notes, found = [], {row["fault"]: row for row in rows}  # of several runs the latest counts
    rows = [found[s.fault] for s in scenarios if s.fault in found]
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += [cell(found[s.fault], notes) if s.fault in found else f"| {s.fault} | not run yet | | | | | |" for s in scenarios]
    done = [r for r in rows if "lost" in r]
    wrong = [r["fault"] for r in rows if r.get("wrong")]
    total = summary(done, rows)
    lines += ["", total + (f" Not as it should be: {'; '.join(wrong)}." if wrong else "")]
    if notes:
        lines += [""] + [f"{i}. {text}" for i, text in enumerate(notes, 1)]
    return "\n".join(lines)


def write(rows, scenarios):
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    with open(PAGE + ".new", "w", encoding="utf-8") as f:
        f.write(f"{head}{BEGIN}\n\n{table(rows, scenarios)}\n\n{END}{tail}")
    os.replace(PAGE + ".new", PAGE)


def strays(scenarios):
    """What the page's table and the scenarios do not have in common, as sentences."""
    if not os.path.exists(PAGE):
        return ["docs/reliability.md is not there"]
    with open(PAGE, encoding="utf-8") as f:
        part = f.read().split(BEGIN)[-1].split(END)[0]
    shown = [re.sub(r" \[\d+\]$", "", line.split("|")[1].strip()) for line in part.splitlines() if line.startswith("| ")][1:]
    wanted = [s.fault for s in scenarios]
    return [f"docs/reliability.md has no row '{f}': make torture" for f in wanted if f not in shown] \
        + [f"docs/reliability.md has a row that no scenario is for: '{f}'" for f in shown if f not in wanted]
