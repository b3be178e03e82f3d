"""Alerts and dashboard ask only for metrics that a worker exports, in queries that parse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from streams.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "sensorium.json").read_text())

RULES = {rule["alert"]: rule for group in ALERTS["groups"] for rule in group["rules"]}
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}

#: Labels of our metrics, and those that Prometheus adds.
LABELS = {"pipeline", "modality", "outcome", "final", "cause", "action", "stage", "reason"}
LABELS |= {"model", "version", "digest", "task", "equal", "kind", "source", "gpu", "le", "job"}

#: What Grafana puts in place of its variables, by example.
VARIABLES = {"$__rate_interval": "1m", "$__range": "30m", "$pipeline": "call|vehicle"}


def queries() -> Iterator[tuple[str, str]]:
    for name, rule in RULES.items():
        yield name, rule["expr"]
    for title, panel in PANELS.items():
        for target in panel["targets"]:
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            yield title, query


QUERIES = [pytest.param(query, id=name) for name, query in queries()]


def exported() -> set[str]:
    """The names of the series that a worker's metrics have in Prometheus."""
    names = {"up"}
    for family in Metrics("call").registry.collect():
        endings = {
            "counter": ("_total",),
            "gauge": ("",),
            "histogram": ("_bucket", "_sum", "_count"),
        }[family.type]
        names |= {family.name + ending for ending in endings}
    return names


def selectors(expression: object) -> Iterator[promql_parser.VectorSelector]:
    """Every place in a parsed query that selects series."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    elif isinstance(expression, promql_parser.BinaryExpr):
        yield from selectors(expression.lhs)
        yield from selectors(expression.rhs)
    elif isinstance(expression, promql_parser.Call):
        for argument in expression.args:
            yield from selectors(argument)
    elif hasattr(expression, "expr"):
        yield from selectors(expression.expr)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_metrics_that_are_exported(query):
    asked = {selector.name for selector in selectors(promql_parser.parse(query))}
    assert asked
    assert asked <= exported()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_labels_that_exist(query):
    grouped = re.findall(r"\b(?:by|on|without) \(([^)]*)\)", query)
    used = {label.strip() for labels in grouped for label in labels.split(",")}
    for selector in selectors(promql_parser.parse(query)):
        used |= {matcher.name for matcher in selector.matchers.matchers}
    assert used <= LABELS


def test_every_exported_metric_is_on_the_dashboard():
    shown = " ".join(target["expr"] for panel in PANELS.values() for target in panel["targets"])
    families = {family.name for family in Metrics("call").registry.collect()}
    assert [name for name in families if name not in shown] == []


@pytest.mark.parametrize("name", RULES)
def test_an_alert_says_how_bad_it_is_and_what_it_means(name):
    rule = RULES[name]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description"}


def test_panels_have_ids_of_their_own_and_do_not_overlap():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_reads_from_the_source_that_is_provisioned():
    file = DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS.values()} == {source["uid"]}
