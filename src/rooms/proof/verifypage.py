"""The page that checks rounds, tickets, days and rooms in a browser: one file that asks nobody.

Its parts lie in ``page/`` as small modules; here they are joined, not built. docs/decisions/0060.
"""

import base64
import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "page"
_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export ", re.MULTILINE)
_NAME: Final = re.compile(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


@cache
def policy() -> str:
    """Give what the page allows itself: its own two scripts and its style, and no request."""
    return (
        f"default-src 'none'; script-src {_hashed(script_of('verify.js'))}; "
        f"style-src {_hashed(_style())}; worker-src blob:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def verify_page() -> bytes:
    """Give the whole page: one document in UTF-8, which has its policy in it."""
    page = (FOLDER / "verify.html").read_text()
    parts = {
        "policy": policy(),
        "style": _style(),
        "checker": checker(),
        "script": script_of("verify.js"),
    }
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return page.encode()


def checker() -> str:
    """Give the script that checks, which the page runs in a thread."""
    return script_of("check.js")


def script_of(module: str, folder: Path = FOLDER) -> str:
    """Join a module and all that it stands on into one script.

    A module has only named imports of its neighbours and exports its declarations; as they share
    one scope here, no two of them may declare the same name. ValueError where they do.
    """
    texts: dict[str, str] = {}
    _add(module, texts, folder)
    joined = "".join(texts.values())
    names = _NAME.findall(joined)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "</script" in joined:
        raise ValueError(f"{module} cannot be joined: {', '.join(twice) or '</script'}")
    return f'"use strict";\n{joined}'


def _add(module: str, texts: dict[str, str], folder: Path) -> None:
    if module in texts:
        return
    source = (folder / module).read_text()
    for needed in _IMPORT.findall(source):
        _add(needed, texts, folder)
    texts[module] = _EXPORT.sub("", _IMPORT.sub("", source))


def _style() -> str:
    return (FOLDER / "verify.css").read_text()


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
