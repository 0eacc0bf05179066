"""The description of the feed as an AsyncAPI 3 document, made from the types of its messages."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rooms.entrypoints.gateway.feed.messages import SPOKEN, Spoken
from rooms.entrypoints.gateway.feed.requests import Resume, Said, Subscribe, Unsubscribe

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"
SAID: Final = (Subscribe, Resume, Unsubscribe)
EXAMPLES: Final[dict[type[Said], Json]] = {
    Subscribe: {"op": "subscribe", "topics": ["keno:keno-main", "rooms"]},
    Resume: {"op": "resume", "topic": "keno:keno-main", "seq": 812},
    Unsubscribe: {"op": "unsubscribe", "topics": ["rooms"]},
}
ABOUT: Final = (
    "One WebSocket, text messages, each a JSON object. The client says subscribe, resume or "
    "unsubscribe; the house sends frames {type, topic, seq, at, data}. Topics: keno:<game>, "
    "room:<id>, rooms, and me for who said their token. After subscribe comes a snapshot at a "
    "number; each frame after it has the next number of its topic, in every process of the house "
    "and over restarts. A frame shows its subject whole, as GET shows it, as it is when it is "
    "told: put it in the place of what you have (rounds by number, rooms by id). After a lost "
    "connection, resume from the last number: the newest 500 frames of a topic are kept, as long "
    "as somebody watched within the hour; otherwise a gap is told and a snapshot follows. A token "
    "is told in a message, never in the address; one that is taken back ends its connection within "
    "ten seconds. stale: the house cannot see what is new, or tells of it late. Who reads too "
    "slowly is sent away with 1013 and resumes; 1012: the house restarts; 1008: messages that the "
    "feed does not take; 1009: one that is too large (16 KiB). A room's bets are told together, a "
    "few times a second; tickets that are sold for an open round are counted when it locks."
)


def document(version: str) -> Json:
    """Describe the feed."""
    data = [kind for each in SPOKEN for kind in each.data]
    _, schemas = msgspec.json.schema_components([*data, *SAID], ref_template=REF)
    messages = {each.kind: _frame(each) for each in SPOKEN}
    messages |= {_op(each): _request(each) for each in SAID}
    at = "#/channels/live/messages/{}".format
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "ROOMS: the live feed", "version": version, "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {
            "live": {
                "address": "/v1/live",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/live"},
                "summary": "What the house says.",
                "messages": [{"$ref": at(each.kind)} for each in SPOKEN],
            },
            "hear": {
                "action": "receive",
                "channel": {"$ref": "#/channels/live"},
                "summary": "What a client may say.",
                "messages": [{"$ref": at(_op(each))} for each in SAID],
            },
        },
        "components": {"schemas": schemas, "messages": messages},
    }


def _op(said: type[Said]) -> str:
    return said.__name__.lower()


def _frame(spoken: Spoken) -> Json:
    topic: Json = {"type": "string"} if spoken.topics else {"type": "null"}
    if spoken.kind == "refused":
        topic = {"type": ["string", "null"]}
    seq = {"type": "integer", "minimum": 0} if spoken.numbered else {"type": "null"}
    members: Json = {
        "type": {"const": spoken.kind},
        "topic": topic,
        "seq": seq,
        "at": {"type": "string", "format": "date-time"},
        "data": _either(spoken.data),
    }
    where = f" Topics: {spoken.topics}." if spoken.topics else ""
    return {
        "name": spoken.kind,
        "summary": spoken.summary + where,
        "payload": {
            "type": "object",
            "required": [*members],
            "additionalProperties": False,
            "properties": members,
        },
    }


def _request(said: type[Said]) -> Json:
    return {
        "name": _op(said),
        "summary": (said.__doc__ or "").partition("\n")[0],
        "payload": _schema(said),
        "examples": [{"payload": EXAMPLES[said]}],
    }


def _either(kinds: Sequence[type]) -> Json:
    schemas = [_schema(kind) for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _schema(kind: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema
