import json
from datetime import timedelta
from pathlib import Path

from rooms.contexts.fairness.workers import SolvencyClock
from rooms.platform.lease import Lease
from tests.commands import run_rooms
from tests.entrypoints.conftest import Web, is_problem
from tests.houses import ONE, solvency_of


async def test_a_player_fetches_and_verifies_that_the_balance_is_in_the_sum(
    web: Web, tmp_path: Path
) -> None:
    token = await web.token(fund=7 * ONE)
    await web.token(fund=ONE)
    is_problem(await web.get("/v1/solvency"), 404, "E-NOT-STATED")
    is_problem(await web.get("/v1/wallet/solvency"), 401, "E-AUTH")
    lease = Lease(web.house.database, "solvency", "the test")
    await SolvencyClock(solvency_of(web.house), lease, timedelta(hours=1)).look()
    is_problem(await web.get("/v1/wallet/solvency", token), 409, "E-PROOF-WAITS")
    await web.house.append()

    said = (await web.get("/v1/solvency?asset=SOL")).json()
    own = (await web.get("/v1/wallet/solvency?asset=SOL", token)).json()

    assert said["liabilities"] == {"amount": str(8 * ONE), "asset": "SOL"}
    assert said["record"] == own["record"]
    assert own["balance"] == str(7 * ONE)
    keys, file = tmp_path / "keys.json", tmp_path / "balance.json"
    keys.write_text((await web.get("/v1/log/key")).text)
    assert verified(file, own, keys) == (0, "verified")
    assert verified(file, own | {"balance": str(8 * ONE)}, keys) == (3, "mismatch")


def verified(file: Path, content: object, keys: Path) -> tuple[int, str]:
    file.write_text(json.dumps(content))
    command = ("verify", "solvency", str(file), "--key", str(keys), "--json")
    done = run_rooms(*command)
    return done.returncode, json.loads(done.stdout)["verdict"]
