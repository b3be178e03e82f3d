"""The reports as tables for people."""

from __future__ import annotations

from typing import Any

from workers.cli.output import print_table, print_text


def print_align(report: dict[str, Any]) -> None:
    """Both sides and their ratios."""
    worker = (
        f"our worker ({report['engine']})",
        f"{report['samples_per_s']:,.0f}",
        f"{report['rate_of_floor']:.2f}",
        f"{report['cpu_s_per_million']:.1f}",
        f"{report['cpu_of_floor']:.1f}",
        f"{report['peak_rss_mb']:.0f}",
        f"{report['exact_pct']:.2f}",
    )
    floor = (
        "bare loop",
        f"{report['floor_samples_per_s']:,.0f}",
        "1",
        f"{report['floor_cpu_s_per_million']:.1f}",
        "1",
        f"{report['floor_peak_rss_mb']:.0f}",
        f"{report['floor_exact_pct']:.2f}",
    )
    passes = len(report["passes"])
    print_text(
        f"{report['records']:,} records of {report['sessions']} sessions, "
        f"{report['windows']:,} windows, seed {report['seed']}, "
        + ("one pass" if passes == 1 else f"medians of {passes} passes")
    )
    print_table(
        ["", "samples/s", "of floor", "CPU s/M", "of floor", "RSS MB", "exact %"], [floor, worker]
    )


def print_verify(report: dict[str, Any]) -> None:
    """One row for each recording."""
    rows = [
        (
            case.name,
            str(case.seed),
            f"{case.records:,}",
            f"{case.windows.windows:,}",
            f"{case.exact_pct:.2f}",
            str(case.windows.missing),
            str(case.windows.wrong),
            str(case.windows.repeated),
            str(case.windows.unexpected),
        )
        for case in report["cases"]
    ]
    columns = ["recording", "seed", "records", "windows", "exact %", "missing", "wrong", "repeated"]
    print_table([*columns, "unexpected"], rows)


def print_latency(report: dict[str, Any]) -> None:
    """Percentiles of the latency, of its parts, and from the sending."""
    rows = [
        (what, *(f"{part[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")))
        for what, part in (
            ("from the broker's acknowledgement", report),
            ("  until Redis has it", report["until_applied"]),
            ("  from there to fusion", report["until_fusion"]),
            ("  from fused to seen", report["until_seen"]),
            ("from the producer's sending", report["from_send"]),
        )
    ]
    print_text(
        f"{report['windows']:,} windows at {report['rate']:,} samples/s "
        f"of {report['sessions']} sessions, {report['exact_pct']:.2f} % exact"
    )
    print_table(["completing sample to result", "p50 ms", "p99 ms", "max ms"], rows)


def print_soak(report: dict[str, Any]) -> None:
    """Trends, and what is left."""

    def trend(name: str) -> str:
        slope = report[name]
        return "too short" if slope is None else f"{slope:+.1f} MB/h"

    rows = [
        (what, trend(f"{what}_slope_mb_per_h"), f"{report[peak]:.1f} MB")
        for what, peak in (
            ("worker_rss", "worker_peak_rss_mb"),
            ("redis", "redis_used_mb_max"),
        )
    ]
    print_text(
        f"{report['sessions']:,} sessions in {report['minutes']:g} min at "
        f"{report['rate']:,} samples/s, {report['exact_pct']:.2f} % of windows exact"
    )
    print_table(["memory", "slope", "peak"], rows)
    left = report["sessions_left"]
    print_text(
        f"At most {report['max_keys']} keys in Redis; after the last session "
        f"{report['after'].redis_keys}, of ended sessions: {', '.join(left) or 'none'}. "
        f"Ended sessions remembered: {report['sessions_remembered'] or 'none'}."
    )
