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


def print_inference(report: dict[str, Any]) -> None:
    """Every side, and the ratios."""
    rows = [
        ("our worker", f"{report['windows_per_s']:.1f}", f"{report['windows_per_cpu_s']:.1f}"),
        (
            "bare loop",
            f"{report['bare_windows_per_s']:.1f}",
            f"{report['bare_windows_per_cpu_s']:.1f}",
        ),
        ("micro-batched, no broker", f"{report['batched_windows_per_s']:.1f}", ""),
        ("the same in batches of one", f"{report['batch1_windows_per_s']:.1f}", ""),
    ]
    passes = len(report["passes"])
    print_text(
        f"{report['windows']:,} windows of {report['sessions']} sessions of {report['pipeline']}, "
        f"batches of {report['max_batch']}, {report['device']}, "
        + ("one pass" if passes == 1 else f"medians of {passes} passes")
    )
    print_table(["", "windows/s", "per CPU second"], rows)
    energy = report["joules_per_1000_windows"]
    print_text(
        f"Windows per CPU second, worker of bare loop: {report['overhead_ratio']:.3f}. Batching: "
        f"{report['batching_gain']:.2f} times the rate of batches of one "
        f"({report['batching_gain_cpu']:.2f} by CPU time). Wait for a batch, p99: "
        f"{report['p99_queue_ms']:.1f} ms. "
        + (
            "Energy is not measured here."
            if energy is None
            else f"{energy:.0f} J per 1,000 windows."
        )
    )


def print_precision(loss: Any) -> None:
    """What changed."""
    print_text(
        f"{loss.precision} against float32 on {loss.windows:,} windows, {loss.device}: "
        f"{loss.labels_equal:.2%} of labels equal; probabilities differ by {loss.largest:.4f} at "
        f"most, {loss.mean:.5f} on average"
    )
