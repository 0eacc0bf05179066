import re
from pathlib import Path

import pytest

from rooms.entrypoints.gateway import pagefiles

FILES = sorted(pagefiles.FOLDER.iterdir())
SVG = "http://www.w3.org/2000/svg"  # a name, not an address: nothing is fetched from it

FORBIDDEN = {
    ".html": {
        "an inline script": r"<script(?![^>]*\bsrc=)",
        "an inline style": r"<style|\sstyle=",
        "an inline handler": r"\son[a-z]+\s*=",
    },
    ".js": {
        "data as markup": r"(inner|outer)HTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc"
        r"|createContextualFragment|setHTML",
        "text as code": r"\beval\b|new Function|set(Timeout|Interval)\(\s*[\"'`]|javascript:",
        "a style from text": r"cssText|\"style\"|insertRule",
    },
    ".css": {"another file": r"@import|url\("},
    ".svg": {"a script": r"<script|<foreignObject|\son[a-z]+\s*=", "a style": r"<style|\sstyle="},
}
ANYWHERE = {"another house's address": r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+"}


def offences(name: str, text: str) -> list[str]:
    """What in a file of the page the content security policy or good sense forbids."""
    rules = FORBIDDEN[Path(name).suffix] | ANYWHERE
    return [rule for rule, form in rules.items() if re.search(form, text.replace(SVG, ""))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_page_needs_nothing_but_this_house_and_takes_data_as_text(file: Path) -> None:
    assert offences(file.name, file.read_text()) == []


@pytest.mark.parametrize(
    ("name", "text", "offence"),
    [
        ("a.html", "<script>go()</script>", "an inline script"),
        ("a.html", '<script type="module">go()</script>', "an inline script"),
        ("a.html", '<p style="color: red">', "an inline style"),
        ("a.html", "<style>p {}</style>", "an inline style"),
        ("a.html", '<p onclick="go()">', "an inline handler"),
        ("a.html", '<script src="https://cdn.example/x.js"></script>', "another house's address"),
        ("a.html", '<script src="//cdn.example/x.js"></script>', "another house's address"),
        ("a.js", "node.innerHTML = title;", "data as markup"),
        ("a.js", "node.insertAdjacentHTML('beforeend', title);", "data as markup"),
        ("a.js", "document.write(title);", "data as markup"),
        ("a.js", "eval(title);", "text as code"),
        ("a.js", "setTimeout('go()', 5);", "text as code"),
        ("a.js", 'node.setAttribute("style", title);', "a style from text"),
        ("a.css", "@import 'x.css';", "another file"),
        ("a.css", "p { background: url(x.png); }", "another file"),
        ("a.svg", "<svg><script>go()</script></svg>", "a script"),
    ],
)
def test_the_check_of_the_files_bites(name: str, text: str, offence: str) -> None:
    assert offence in offences(name, text)


def test_every_file_that_a_file_names_is_there() -> None:
    names = {file.name for file in FILES}
    named = {
        name
        for file in FILES
        for name in re.findall(r'"(?:/page/|\./)([a-z.]+)"', file.read_text())
    }

    assert named <= names
    assert names - named == {"index.html", "keno.html", "room.html"}
