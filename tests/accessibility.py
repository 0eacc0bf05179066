"""The rules of accessibility, asked of a page that is open: axe-core, from a package of tests."""

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.async_api import Page

WIDTHS: Final = ((768, "ltr"), (320, "rtl"), (1440, "ltr"))
LOOKS: Final[Sequence[dict[str, Any]]] = (
    {"color_scheme": "dark", "contrast": "no-preference"},
    {"color_scheme": "dark", "contrast": "more"},
    {"color_scheme": "light", "contrast": "more"},
)


async def look_at(page: "Page") -> None:
    """No rule is broken and nothing runs over, at any width, in any light, either way round."""
    # A page whose policy lets in no script but its own is asked from outside it all the same.
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    for width, direction in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        if width != 768:  # between the narrowest and the widest nothing but the layout is new
            assert await violations(page, "{}") == []
    for look in LOOKS:
        await page.emulate_media(**look)
        assert await violations(page, "{ runOnly: ['color-contrast'] }") == []


async def violations(page: "Page", options: str) -> list[tuple[str, str]]:
    """Which rules are broken, each with the first place where it is."""
    found = await page.evaluate(f"axe.run({options}).then((found) => found.violations)")
    return [(each["id"], each["nodes"][0]["html"]) for each in found]
