"""A source's address may be a bare host, a proxy's folder, or already hold the path's start."""

import pytest

from rooms.contexts.oracle.adapters.feed import address


@pytest.mark.parametrize(
    ("base", "whole"),
    [
        ("https://api.example.org", "https://api.example.org/api/v3/simple/price"),
        ("https://api.example.org/", "https://api.example.org/api/v3/simple/price"),
        ("https://api.example.org/api/v3", "https://api.example.org/api/v3/simple/price"),
        ("https://api.example.org/api/v3/", "https://api.example.org/api/v3/simple/price"),
        ("http://127.0.0.1:9000/gecko", "http://127.0.0.1:9000/gecko/api/v3/simple/price"),
    ],
)
def test_the_path_is_put_below_the_base_without_doubling_it(base: str, whole: str) -> None:
    assert address(base, "/api/v3/simple/price") == whole
