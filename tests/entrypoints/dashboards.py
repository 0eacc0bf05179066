"""What the dashboard and the alarms ask Prometheus for, and what a house really exports."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # only its text is read here
from prometheus_client.parser import text_string_to_metric_families

PROJECT: Final = Path(__file__).parents[2]
GROUPING: Final = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
RANGE: Final = re.compile(r"\[[^\]]*\]")
# A name that no bracket follows, with its selector: whatever else a typing error makes is caught.
SELECTED: Final = re.compile(r"\b([A-Za-z_]\w*)\b(?!\s*\()(?:\{([^}]*)\})?")
MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
OPERATORS: Final = frozenset({"and", "or", "unless", "bool"})
# What Prometheus itself adds to all that it reads.
OF_PROMETHEUS: Final = frozenset({"job", "instance"})


def expressions() -> Iterator[str]:
    board: dict[str, Any] = json.loads((PROJECT / "deploy/grafana/rooms.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from alarms().values()


def alarms() -> dict[str, str]:
    rules = yaml.safe_load((PROJECT / "deploy/prometheus/rules.yml").read_text())
    return {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


def runbook() -> tuple[set[str], set[str]]:
    """Give the metrics and the alarms that the runbook speaks of."""
    text = (PROJECT / "docs/runbooks/metrics.md").read_text()
    return (
        set(re.findall(r"`((?:rooms|process)_\w+)", text)),
        set(re.findall(r"\*\*(Rooms\w+)\.?\*\*", text)),
    )


@dataclass(frozen=True, slots=True)
class Exported:
    """The samples of ``/metrics`` by their names, with every label's values; and the families."""

    samples: Mapping[str, Mapping[str, set[str]]]
    families: Mapping[str, set[str]]

    def missing(self, expression: str) -> list[str]:
        """Say what an expression asks for that is not there."""
        groups = {name.strip() for each in GROUPING.findall(expression) for name in each.split(",")}
        selected = asked(expression)
        known = {label for name, _ in selected for label in self.samples.get(name, ())}
        wrong = [f"nothing has the label {name}" for name in groups - known - OF_PROMETHEUS - {""}]
        for name, selector in selected:
            if name != "up":
                wrong += self._missing(name, selector)
        return wrong

    def _missing(self, name: str, selector: str) -> Iterator[str]:
        if name not in self.samples:
            yield f"there is no {name}"
            return
        for label, how, value in MATCHER.findall(selector):
            if label in OF_PROMETHEUS:
                continue
            if label not in self.samples[name]:
                yield f"{name} has no label {label}"
            elif how == "=" and value not in self.samples[name][label]:
                yield f"{name} has no {label} {value}"


def asked(expression: str) -> list[tuple[str, str]]:
    """Give the metrics of an expression, each with its selector."""
    rest = RANGE.sub("", GROUPING.sub("", expression))
    return [each for each in SELECTED.findall(rest) if each[0] not in OPERATORS]


def exported(text: str) -> Exported:
    samples: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    families = {}
    for family in text_string_to_metric_families(text):
        families[family.name] = {sample.name for sample in family.samples}
        for sample in family.samples:
            labels = samples[sample.name]
            for label, value in sample.labels.items():
                labels[label].add(value)
    return Exported(samples, families)
