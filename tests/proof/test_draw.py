import json
import struct
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof import draw as drawing
from rooms.proof.draw import catches, commit, draw, draw_words, mask
from tests.proof import hand_draw

VECTORS = json.loads(Path("docs/spec/vectors/draw.json").read_text())["vectors"]

seeds = st.binary(min_size=32, max_size=32)
games = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
rounds = st.integers(0, 2**53)
entropies = st.one_of(st.just(""), seeds.map(bytes.hex))


@pytest.mark.parametrize("vector", VECTORS)
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    seed = bytes.fromhex(vector["server_seed"])

    assert commit(seed).hex() == vector["commit"]
    drawn = draw(seed, vector["game"], vector["round"], vector["entropy"])
    assert list(drawn) == vector["draw"]
    assert hand_draw.draw(seed, vector["game"], vector["round"], vector["entropy"]) == list(drawn)


def test_there_are_twelve_vectors() -> None:
    assert len(VECTORS) == 12


@given(seed=seeds, game=games, number=rounds, entropy=entropies)
def test_a_draw_is_what_the_rules_give_by_hand(
    seed: bytes, game: str, number: int, entropy: str
) -> None:
    drawn = draw(seed, game, number, entropy)

    assert list(drawn) == hand_draw.draw(seed, game, number, entropy)
    assert len(set(drawn)) == 20
    assert set(drawn) <= set(range(1, 81))


@given(seed=seeds, game=games, number=rounds, entropy=entropies)
def test_words_are_the_blocks_in_order(seed: bytes, game: str, number: int, entropy: str) -> None:
    words = list(islice(draw_words(seed, game, number, entropy), 100))

    assert words == list(islice(hand_draw.words(seed, game, number, entropy), 100))


@given(seed=seeds, number=rounds, drawn=st.integers(1, 30), data=st.data())
def test_games_of_other_sizes_draw_by_the_same_rule(
    seed: bytes, number: int, drawn: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.integers(drawn, 100))

    found = draw(seed, "k", number, "", numbers=numbers, drawn=drawn)

    words = hand_draw.words(seed, "k", number, "")
    assert list(found) == hand_draw.shuffled(words, numbers, drawn)


def blocks_of(words: Sequence[int]) -> Iterator[bytes]:
    """These words, and zeros without end, as blocks of eight."""
    endless = chain(words, repeat(0))
    while True:
        yield struct.pack(">8I", *islice(endless, 8))


def test_a_word_that_would_favour_low_numbers_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    # 2**32 mod 80 is 16: the last 16 words are the ones that no fair draw of 80 may use.
    first_unfair = 2**32 - 16

    def offered(*words: int) -> tuple[int, ...]:
        monkeypatch.setattr(drawing, "draw_blocks", lambda *_: blocks_of(words))
        return draw(bytes(32), "k", 0, "")

    assert offered(first_unfair - 1)[0] == (first_unfair - 1) % 80 + 1
    assert offered(first_unfair, 41)[0] == 42
    assert offered(2**32 - 1, 2**32 - 16, 7)[0] == 8


@given(
    words=st.lists(st.one_of(st.integers(2**32 - 100, 2**32 - 1), st.integers(0, 2**32 - 1))),
    drawn=st.integers(1, 20),
)
def test_every_word_that_a_draw_skips_is_skipped_by_hand_too(words: list[int], drawn: int) -> None:
    enough = [*words, *range(drawn)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "draw_blocks", lambda *_: blocks_of(enough))
        found = draw(bytes(32), "k", 0, "", drawn=drawn)

    assert list(found) == hand_draw.shuffled(iter(enough), 80, drawn)


@given(picks=st.sets(st.integers(1, 80), max_size=20), drawn=st.sets(st.integers(1, 80)))
def test_catches_are_the_picks_that_were_drawn(picks: set[int], drawn: set[int]) -> None:
    assert catches(mask(picks), mask(drawn)) == len(picks & drawn)
    assert mask(picks) == sum(2 ** (pick - 1) for pick in picks)
