"""The public log: as JSON under /v1/log, and as C2SP tiles under /log for any client of those."""

from typing import Final

from litestar import Response, get, put
from litestar.params import FromPath

from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, head_json, log_keys_json
from rooms.entrypoints.gateway.calls import Call, gateway_of, read_body, read_query
from rooms.entrypoints.gateway.described import describing
from rooms.kernel.refusal import Refusal
from rooms.proof.tiles import WIDTH, parse_tile

BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain"
ENTRIES: Final = "entries"
# A tile that is full never changes; one that is not is soon replaced by a wider one.
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
NOT_LONG: Final = {"Cache-Control": "public, max-age=60"}
NEVER: Final = {"Cache-Control": "no-store"}


@get(
    "/v1/log/key",
    opt=describing(
        summary="The public keys of the log: what `--key` of the verifiers takes.",
        tag="log",
        answer=messages.LogKeys,
        example=examples.LOG_KEYS,
    ),
)
async def log_key(request: Call) -> Response[bytes]:
    """Give the public keys."""
    return answer(log_keys_json(await gateway_of(request).log.keys()))


@get(
    "/v1/log/head",
    opt=describing(
        summary="The newest signed head of the log, and the newest that a witness cosigned.",
        tag="log",
        answer=messages.NewestHead,
        example=examples.NEWEST_HEAD,
        codes=("E-LOG-EMPTY",),
    ),
)
async def log_head(request: Call) -> Response[bytes]:
    """Give the newest head."""
    log = gateway_of(request).log
    return answer(head_json(await log.head(), await log.witnessed()))


@get(
    "/v1/log/entries",
    opt=describing(
        summary="Entries from start to end, both included; at most 1,000 in an answer.",
        tag="log",
        query=messages.EntriesQuery,
        answer=messages.LogEntries,
        example=examples.LOG_ENTRIES,
        codes=("E-LOG-EMPTY", "E-LOG-RANGE", "E-INPUT"),
    ),
)
async def log_entries(request: Call) -> Response[bytes]:
    """Give entries as they are hashed."""
    query = read_query(request, messages.EntriesQuery)
    entries = await gateway_of(request).log.entries(query.start, query.end)
    return answer(messages.LogEntries(query.start, entries))


@get(
    "/v1/log/proofs/inclusion",
    opt=describing(
        summary="Prove that the leaf at an index is in the tree of a size.",
        tag="log",
        query=messages.InclusionQuery,
        answer=messages.Inclusion,
        example=examples.INCLUSION,
        codes=("E-LOG-EMPTY", "E-LOG-RANGE", "E-INPUT"),
    ),
)
async def inclusion(request: Call) -> Response[bytes]:
    """Give an inclusion proof of RFC 9162."""
    query = read_query(request, messages.InclusionQuery)
    path = await gateway_of(request).log.inclusion(query.index, query.size)
    return answer(messages.Inclusion(query.index, query.size, [each.hex() for each in path]))


@get(
    "/v1/log/proofs/consistency",
    opt=describing(
        summary="Prove that the log of one size grew into that of another.",
        tag="log",
        query=messages.ConsistencyQuery,
        answer=messages.Consistency,
        example=examples.CONSISTENCY,
        codes=("E-LOG-EMPTY", "E-LOG-RANGE", "E-INPUT"),
    ),
)
async def consistency(request: Call) -> Response[bytes]:
    """Give a consistency proof of RFC 9162."""
    query = read_query(request, messages.ConsistencyQuery)
    path = await gateway_of(request).log.consistency(query.from_, query.to)
    return answer(messages.Consistency(query.from_, query.to, [each.hex() for each in path]))


@put(
    "/v1/log/cosignatures",
    opt=describing(
        summary="Hand in a witness's cosignature of a head; doing it twice changes nothing.",
        tag="log",
        body=messages.CosignedNote,
        body_example=examples.COSIGNED_NOTE,
        keyed=False,
        answer=messages.Cosigned,
        example={"cosignatures": 1},
        codes=("E-COSIGNATURE", "E-INPUT", "E-TOO-LARGE", "E-BUSY", "E-UNKNOWN"),
    ),
)
async def cosign(request: Call) -> Response[bytes]:
    """Take the cosignatures of a note."""
    body, _ = await read_body(request, messages.CosignedNote)
    return answer(messages.Cosigned(await gateway_of(request).log.cosign(body.note)))


@get(
    "/log/checkpoint",
    opt=describing(
        summary="The newest head as a C2SP checkpoint, with the cosignatures it has.",
        tag="log",
        answer=str,
        example=examples.CHECKPOINT,
        codes=("E-LOG-EMPTY",),
        media_type="text/plain",
    ),
)
async def checkpoint(request: Call) -> Response[bytes]:
    """Give the newest signed note."""
    head = await gateway_of(request).log.head()
    return Response(head.note.encode(), media_type=TEXT, headers=NEVER)


@get(
    "/log/tile/{level:str}/{name:path}",
    opt=describing(
        summary="A tile of the log, C2SP tlog-tiles: hashes of a level, or `entries`.",
        tag="log",
        answer=str,
        example=None,
        codes=("E-LOG-EMPTY", "E-LOG-TILE"),
        media_type=BYTES,
    ),
)
async def tile(request: Call, level: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Give a tile, whole or as far as the path says."""
    of_entries = level == ENTRIES
    wanted = parse_tile("0" if of_entries else level, name.removeprefix("/"))
    if wanted is None:
        raise Refusal("E-LOG-TILE")
    log = gateway_of(request).log
    found = await (log.entry_tile(wanted) if of_entries else log.tile(wanted))
    caching = FOR_EVER if wanted.width == WIDTH else NOT_LONG
    return Response(found, media_type=BYTES, headers=caching)
