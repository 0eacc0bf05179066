"""A refusal: the rules say no. It has a code and data; only an entry point gives it words."""

from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818 - a refusal is not an error: it is an answer
    """Raised inside a transaction, because raising is what rolls back."""

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(code)
        self.code = code
        self.data: Mapping[str, object] = data

    def __str__(self) -> str:
        return f"{self.code} {dict(self.data)}" if self.data else self.code
