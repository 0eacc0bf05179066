"""Planted bugs: each still fits the code, names tests that there are, and the command tells."""

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.torture.__main__ import run
from tests.torture.planted_bugs import FOLDER, ROOT, Bug, Misfit, bugs_in

BUGS = bugs_in()
# A bug in pure arithmetic, whose test needs no database.
CHEAP = "20-takeout-not-capped"
TEST = "tests/proof/test_pool.py::test_a_takeout_shrinks_to_a_losing_pool_that_is_smaller"
HARMLESS = f"""A docstring says less. Costs: nothing.
Caught by: {TEST}

--- a/src/rooms/proof/pool.py
+++ b/src/rooms/proof/pool.py
@@ -1,1 +1,1 @@
-    \"\"\"Pay a winning stake its share of the net pool, rounded down.\"\"\"
+    \"\"\"Pay a winning stake its share.\"\"\"
"""


@cache
def functions_of(module: str) -> set[str]:
    tree = ast.parse((ROOT / module).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_there_are_more_than_twenty_each_with_a_number_of_its_own() -> None:
    assert len({bug.name.partition("-")[0] for bug in BUGS}) == len(BUGS) > 20


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_fits_the_code_says_what_it_costs_and_names_tests_that_there_are(bug: Bug) -> None:
    assert "Costs: " in bug.words
    assert bug.tests
    for test in bug.tests:
        module, _, name = test.partition("::")
        assert name in functions_of(module), test
    assert bug.hunks
    texts = {hunk.path: (ROOT / hunk.path).read_text() for hunk in bug.hunks}
    for hunk in bug.hunks:
        changed = hunk.changed(texts[hunk.path])
        assert hunk.path.startswith("src/rooms/")
        assert changed != texts[hunk.path]
        ast.parse(changed)
        texts[hunk.path] = changed


def test_lines_that_are_not_there_or_there_twice_are_no_place_for_a_bug() -> None:
    (hunk,) = next(bug for bug in BUGS if bug.name == CHEAP).hunks

    for text in ("", hunk.before.strip(), hunk.before * 2):
        with pytest.raises(Misfit, match="places, not one"):
            hunk.changed(text)
    assert hunk.changed(f"before\n{hunk.before}after\n") == f"before\n{hunk.after}after\n"


def test_the_command_tells_what_was_caught_and_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bug = (FOLDER / f"{CHEAP}.patch").read_text()
    (tmp_path / "1-caught.patch").write_text(bug)
    (tmp_path / "2-missed.patch").write_text(HARMLESS)
    (tmp_path / "3-misfit.patch").write_text(bug.replace("-    takeout", "-    taken_out"))

    code = run(["planted", "--folder", str(tmp_path), "--json"])

    told = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = {each["bug"]: each for each in told["bugs"]}
    assert set(found["1-caught"]["caught_by"]) == {TEST}
    assert found["1-caught"]["wrong"] == []
    assert found["2-missed"]["wrong"] == [f"not caught by {TEST}"]
    assert "does not fit" in found["3-misfit"]["wrong"][0]
    assert (code, told["wrong"], len(told["bugs"])) == (3, 2, 3)


def test_a_bug_that_nobody_planted_ends_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["planted", "no-such-bug"]) == 2

    assert f"Next: one of {BUGS[0].name}" in capsys.readouterr().err
