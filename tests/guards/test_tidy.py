"""What review would otherwise have to remember; each rule bites on samples of what it forbids."""

from typing import Final

import pytest

from rooms.platform.settings import Settings
from tests.guards.deeds import DEEDS
from tests.guards.rules import Rule, Source, project
from tests.guards.shape import SHAPE
from tests.guards.statements import STATEMENTS
from tests.guards.words import WORDS

RULES: Final = (*SHAPE, *DEEDS, *STATEMENTS, *WORDS)

# The settings that are promised to operators; others may come, none of these may go.
PROMISED: Final = {
    "parimutuel": "duration_min duration_max lock_fraction min_players stake_min stake_max "
    "past_post_window settle_grace protocol_bps host_bps rooms_per_host admin_void_delay",
    "oracle": "interval confirmations quorum_coin quorum_token spread_coin spread_token "
    "stale_after sources",
    "referral": "depth bps",
    "database": "url",
    "gateway": "rate_per_token rate_per_ip",
}
PROMISED_OF_A_SOURCE: Final = "url key weight max_age min_interval origin role"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_the_project_is_tidy(rule: Rule) -> None:
    found = [finding for source in project() for finding in rule.findings(source)]
    assert not found, "\n".join([rule.says, *found])


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        pytest.param(rule, bad, id=f"{rule.says}-{number}")
        for rule in RULES
        for number, bad in enumerate(rule.bad, 1)
    ],
)
def test_the_rule_bites(rule: Rule, bad: Source) -> None:
    assert rule.findings(bad)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_the_rule_leaves_good_text_in_peace(rule: Rule) -> None:
    assert rule.where.search(rule.good.path)
    assert rule.findings(rule.good) == []


def test_the_walk_sees_every_kind_of_text_and_nothing_made() -> None:
    paths = {source.path for source in project()}
    assert {"pyproject.toml", ".ci/run", "rooms", "requirements/run.txt"} <= paths
    assert {"src/rooms/kernel/money.py", "tests/guards/test_tidy.py"} <= paths
    assert not [path for path in paths if ".venv" in path or "__pycache__" in path]


@pytest.mark.parametrize("section", PROMISED)
def test_every_promised_setting_exists(section: str) -> None:
    known = getattr(Settings(), section)
    assert set(PROMISED[section].split()) <= set(type(known).model_fields)


def test_every_source_of_prices_has_the_promised_settings() -> None:
    for source in Settings().oracle.sources.by_name().values():
        assert set(PROMISED_OF_A_SOURCE.split()) <= set(type(source).model_fields)
