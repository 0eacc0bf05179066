"""A drand of the sandbox's own: real signatures, under a key that everybody may know.

Its mirrors answer at ``/drand/{mirror}/{hash}/...`` what the real ones answer at ``/{hash}/...``.
Who can read this file can foresee every beacon; that is why the chain is called rooms-sandbox.
"""

import hashlib
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pyblst  # type: ignore[import-untyped]
from aiohttp import web

from rooms.kernel.time import to_millis
from rooms.proof.beacon import (
    SANDBOX,
    SANDBOX_MIRRORS,
    Beacon,
    DrandChain,
    beacon_json,
    info_json,
    signed_message,
)
from rooms.proof.bls import DOMAIN, GENERATOR
from rooms.sandbox.answers import json_answer
from rooms.sandbox.control import after
from rooms.sandbox.world import Struck, World

FAULTS: Final = ("late", "early", "wrong_signature", "disagree", "dead", "http500", "html")
ALL: Final = "all"
USUAL_SHIFT: Final = 10_000
FILE: Final = "drand.json"
# The secret keys, one of the chain and one of the chain that a mirror tells of that disagrees.
SECRET: Final = int.from_bytes(hashlib.sha256(b"rooms/sandbox/drand/1").digest()) >> 2
OTHER_SECRET: Final = int.from_bytes(hashlib.sha256(b"rooms/sandbox/drand/2").digest()) >> 2
_STRUCK: Final = {"dead": "timeout", "http500": "http500", "html": "html"}


class MirrorFault(msgspec.Struct, frozen=True):
    """How one mirror misbehaves; ``by`` is how late or early it is, in milliseconds."""

    fault: str
    by: int = USUAL_SHIFT


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a PUT may hold: a mirror or all of them, with a fault or null."""

    mirror: str
    fault: str | None
    by: str | None = None


class DrandBoard:
    """The faults by mirror, kept in one file; every change is on disk before it is in force."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self.faults: dict[str, MirrorFault] = {}
        if self._file.exists():
            kept = self._file.read_bytes()
            self.faults = msgspec.json.decode(kept, type=dict[str, MirrorFault])

    def keep(self, faults: dict[str, MirrorFault]) -> None:
        """Put other faults in force."""
        beside = self._file.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(faults))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)
        self.faults = faults


BOARD: Final = web.AppKey("drand", DrandBoard)


def public_key(secret: int) -> bytes:
    """Give the public key of a secret one."""
    return bytes(pyblst.BlstP2Element().uncompress(GENERATOR).scalar_mul(secret).compress())


@lru_cache(maxsize=10_000)
def signed(number: int, secret: int = SECRET) -> Beacon:
    """Sign a round as all of drand's signers together do."""
    message = pyblst.BlstP1Element().hash_to_group(signed_message(number), DOMAIN)
    return Beacon(number, bytes(message.scalar_mul(secret).compress()))


def info(request: web.Request, world: World) -> web.Response:
    """Answer ``/info``."""
    del world
    fault = _fault(request)
    chain = _other_chain() if fault and fault.fault == "disagree" else SANDBOX
    if request.match_info["chain"] != SANDBOX.hash:
        return _unknown()
    return json_answer(info_json(chain))


def beacon(request: web.Request, world: World) -> web.Response:
    """Answer ``/public/{round}`` and ``/public/latest``."""
    fault, asked = _fault(request), request.match_info["round"]
    newest = SANDBOX.round_at(to_millis(world.clock.now()) + _shift(fault))
    number = newest if asked == "latest" else int(asked) if asked.isdecimal() else 0
    if request.match_info["chain"] != SANDBOX.hash or not 1 <= number <= newest:
        return _unknown()
    return json_answer(beacon_json(_told(number, fault)))


def _told(number: int, fault: MirrorFault | None) -> Beacon:
    if fault and fault.fault == "wrong_signature":
        return Beacon(number, signed(number + 1).signature)
    if fault and fault.fault == "disagree":
        return signed(number, OTHER_SECRET)
    return signed(number)


def _fault(request: web.Request) -> MirrorFault | None:
    mirror = request.match_info["mirror"]
    fault = request.app[BOARD].faults.get(mirror)
    if fault and fault.fault in _STRUCK:
        raise Struck(mirror, _STRUCK[fault.fault])
    return fault


def _shift(fault: MirrorFault | None) -> int:
    if fault is None or fault.fault not in {"late", "early"}:
        return 0
    return fault.by if fault.fault == "early" else -fault.by


def _other_chain() -> DrandChain:
    return replace(SANDBOX, public_key=public_key(OTHER_SECRET))


def _unknown() -> web.Response:
    return json_answer({"error": "no such chain or round"}, 404)


async def get_drand(request: web.Request) -> web.Response:
    """Show the chain and the mirrors' faults."""
    return json_answer(_state(request.app[BOARD]))


async def put_drand(request: web.Request) -> web.Response:
    """Set or clear the fault of one mirror, or of all."""
    board = request.app[BOARD]
    try:
        change = msgspec.json.decode(await request.read(), type=Change)
        board.keep(_merged(board.faults, change))
    except (msgspec.MsgspecError, ValueError) as malformed:
        return json_answer({"detail": str(malformed)}, 422)
    return json_answer(_state(board))


async def delete_drand(request: web.Request) -> web.Response:
    """Clear every fault."""
    request.app[BOARD].keep({})
    return web.Response(status=204)


def _merged(faults: dict[str, MirrorFault], change: Change) -> dict[str, MirrorFault]:
    if change.mirror not in (*SANDBOX_MIRRORS, ALL):
        raise ValueError(f"A mirror is {ALL} or one of {', '.join(SANDBOX_MIRRORS)}.")
    if change.fault is not None and change.fault not in FAULTS:
        raise ValueError(f"A fault is one of {', '.join(FAULTS)}, or null.")
    struck = SANDBOX_MIRRORS if change.mirror == ALL else (change.mirror,)
    left = {mirror: fault for mirror, fault in faults.items() if mirror not in struck}
    if change.fault is None:
        return left
    by = USUAL_SHIFT if change.by is None else after(change.by)
    return {**left, **dict.fromkeys(struck, MirrorFault(change.fault, by))}


def _state(board: DrandBoard) -> dict[str, Any]:
    return {
        "chain": info_json(SANDBOX),
        "mirrors": list(SANDBOX_MIRRORS),
        "faults": {
            mirror: {"fault": each.fault, "by": f"{each.by}ms"}
            for mirror, each in board.faults.items()
        },
    }
