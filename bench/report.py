"""What a run prints: the table, farcall's figures, the goals, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Outcomes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Goal:
    """A figure that farcall has to hold; `limit` may take another subject's figure of the same run."""

    words: str
    subject: str
    figure: str
    at_most: bool
    factor: float
    of: str | None = None
    """The subject whose same figure the factor multiplies; None: the factor is the limit."""


GOALS = (
    Goal("one call, p50, ms", "farcall", "call_p50_ms", True, 0.6),
    Goal("one call, p50, beside Ray", "farcall", "call_p50_ms", True, 0.45, "ray"),
    Goal("calls/s in flight", "farcall", "calls_per_s", False, 25_000),
    Goal("calls/s beside Ray", "farcall", "calls_per_s", False, 12, "ray"),
    Goal("calls/s beside ProcessPoolExecutor", "farcall", "calls_per_s", False, 1.5, "process_pool"),
    Goal("REST invoke, keep-alive, p50, ms", "figures", "rest_p50_ms", True, 1.2),
    Goal("hub + worker idle, MiB resident", "figures", "idle_resident_mib", True, 150),
    Goal("import farcall, ms", "figures", "import_ms", True, 100),
    Goal("farcall --help, ms", "figures", "help_ms", True, 150),
    Goal("search of 100,000 functions, 1 % visible, p95, ms", "catalog", "search_part_p95_ms", True, 30),
    Goal("first page of a namespace of 10,000, p95, ms", "catalog", "list_namespace_p95_ms", True, 20),
    Goal("large array, part of loopback speed", "figures", "array_of_loopback", False, 0.5),
)

FIGURES = {
    "rest_p50_ms": "REST invoke, keep-alive, p50 (ms)",
    "rest_p99_ms": "REST invoke, keep-alive, p99 (ms)",
    "commit_p50_ms": "one insert with full sync on this disk, p50 (ms)",
    "commit_p99_ms": "one insert with full sync on this disk, p99 (ms)",
    "idle_resident_mib": "hub + worker with two slots, idle, resident (MiB)",
    "idle_proportional_mib": "the same, shared pages counted once (MiB)",
    "import_ms": "import farcall (ms)",
    "help_ms": "farcall --help (ms)",
    "array_megabytes": "array sent there and back (MB)",
    "array_seconds": "  through a function (s)",
    "loopback_seconds": "  over loopback alone (s)",
    "array_of_loopback": "  part of loopback speed",
    "catalog_functions": "functions in the catalog",
    "search_part_p50_ms": "  search over REST, 1 % visible, p50 (ms)",
    "search_part_p95_ms": "  search over REST, 1 % visible, p95 (ms)",
    "search_all_p50_ms": "  search over REST, all visible, p50 (ms)",
    "search_all_p95_ms": "  search over REST, all visible, p95 (ms)",
    "list_part_p95_ms": "  first page over REST, 1 % visible, p95 (ms)",
    "list_all_p95_ms": "  first page over REST, all visible, p95 (ms)",
    "list_namespace_p95_ms": "  first page of a namespace of 10,000, p95 (ms)",
}
OWN = ("figures", "catalog")
"""The subjects that are farcall's alone."""


def report(outcomes: Outcomes) -> str:
    """The whole text."""
    parts = [_comparison(outcomes), _own_figures(outcomes), _goals(outcomes), _absent(outcomes)]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part)))


def _comparison(outcomes: Outcomes) -> Iterator[str]:
    peers = {name: outcome for name, outcome in outcomes.items() if "title" in outcome}
    if not peers:
        return
    bursts = sorted(
        {int(key.rpartition("_")[2]) for peer in peers.values() for key in peer["figures"] if _is_burst(key)}
    )
    heads = ["", "p50 ms", "p99 ms", *(f"calls/s ({count:,})" for count in bursts)]
    farcall = peers.get("farcall", {}).get("figures")
    if farcall:
        heads += ["p50 to farcall's", "farcall's calls/s to its"]
    rows = [[*heads, "durable", "checks who calls"]]
    for peer in peers.values():
        figures = peer["figures"]
        row = [peer["title"], f"{figures['call_p50_ms']:.2f}", f"{figures['call_p99_ms']:.2f}"]
        row += [f"{figures[f'calls_per_s_{count}']:,.0f}" for count in bursts]
        if farcall:
            row += [_times(figures, farcall, "call_p50_ms"), _times(farcall, figures, "calls_per_s")]
        rows.append([*row, peer["durable"], "yes" if peer["checks_caller"] else "no"])
    yield from aligned(rows)


def _is_burst(key: str) -> bool:
    return key.startswith("calls_per_s_")


def _times(above: dict[str, float], below: dict[str, float], figure: str) -> str:
    return f"× {above[figure] / below[figure]:.2f}"


def _own_figures(outcomes: Outcomes) -> Iterator[str]:
    figures = {key: value for name in OWN for key, value in outcomes.get(name, {}).get("figures", {}).items()}
    yield from aligned([[words, number(figures[key])] for key, words in FIGURES.items() if key in figures])


def _goals(outcomes: Outcomes) -> Iterator[str]:
    rows = []
    for goal in GOALS:
        value = _figure(outcomes, goal.subject, goal.figure)
        base = 1.0 if goal.of is None else _figure(outcomes, goal.of, goal.figure)
        if value is None or base is None:
            continue
        holds: Callable[[float, float], bool] = float.__le__ if goal.at_most else float.__ge__
        sign = "≤" if goal.at_most else "≥"
        limit = f"{sign} {goal.factor:,g}" + (" ×" if goal.of else "")
        met = holds(float(value / base), float(goal.factor))
        rows.append([goal.words, number(value / base), limit, "met" if met else "MISSED"])
    yield from aligned([["goal", "measured", "wanted", ""], *rows] if rows else [])


def _figure(outcomes: Outcomes, subject: str, figure: str) -> float | None:
    value: float | None = outcomes.get(subject, {}).get("figures", {}).get(figure)
    return value


def _absent(outcomes: Outcomes) -> Iterator[str]:
    for name, outcome in outcomes.items():
        if "left_out" in outcome:
            yield f"left out: {name}: {outcome['left_out']}"
        elif "failed" in outcome:
            yield f"FAILED: {name}: {outcome['failed']}"


def number(value: float) -> str:
    """Three digits that count, and never an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def aligned(rows: list[list[str]]) -> Iterator[str]:
    """The rows as lines; the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
