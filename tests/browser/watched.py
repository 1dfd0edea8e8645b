"""A page that is watched while it is used: what it logs, what it asks for, how it fits."""

from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"
WIDE, NARROW = 1280, 390
_ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
_AXE = Axe().axe_script
# Another color scheme or width changes nothing else that axe could find.
CONTRAST: dict[str, Any] = {**_ALL_RULES, "runOnly": ["color-contrast", "target-size"]}

# As shares of the window: where the web vitals begin to complain. On a busy machine a page is
# painted while it still arrives, and moves a little.
SMALLEST_JUMP = 0.1
_SHIFTS = """() => new Promise(resolve => {
  const found = [];
  new PerformanceObserver(list => {
    for (const each of list.getEntries()) {
      const nodes = each.sources.map(source => source.node?.outerHTML?.slice(0, 120));
      if (!each.hadRecentInput) found.push([each.value, nodes.join(" ")]);
    }
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(found), 30);
})"""
# One of each kind of control: an outline of two pixels, or a shadow that was not there before.
_UNMARKED = """() => {
  const kinds = new Map();
  const controls = "a[href], button, input, select, textarea, summary";
  for (const each of document.querySelectorAll(controls)) {
    if (each.checkVisibility() && each.type !== "hidden") {
      kinds.set([each.tagName, each.type, each.className].join(), each);
    }
  }
  return [...kinds.values()].filter(each => {
    const before = getComputedStyle(each).boxShadow;
    each.focus({focusVisible: true, preventScroll: true});
    const now = getComputedStyle(each);
    const outlined = now.outlineStyle !== "none" && parseFloat(now.outlineWidth) >= 2;
    const marked = outlined || (now.boxShadow !== "none" && now.boxShadow !== before);
    each.blur();
    return !marked;
  }).map(each => each.outerHTML.slice(0, 160));
}"""


class Watched:
    """Playwright's page, with a list of what must not happen."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.home = home
        self.troubles: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium logs the status of a page that is an error page on purpose.
        expected = (
            message.text.startswith("Failed to load resource")
            and message.location["url"] == self.page.url
        )
        if message.type in ("error", "warning") and not expected:
            self.troubles.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.home}/"):
            self.troubles.append(f"foreign request: {request.url}")

    def findings(self, options: dict[str, Any] | None = None) -> list[str]:
        """What axe finds serious or critical."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE)
        run = "options => axe.run(document, options).then(found => found.violations)"
        found = self.page.evaluate(run, options or _ALL_RULES)
        return [
            f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]

    def too_wide(self) -> list[str]:
        """What stands out of a page that scrolls sideways."""
        found: list[str] = self.page.evaluate(
            """() => {
              const width = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= width) return [];
              const out = [...document.body.querySelectorAll("*")]
                .filter(each => each.getBoundingClientRect().right > width + 1);
              return [`${document.documentElement.scrollWidth} of ${width} px`,
                ...out.slice(0, 5).map(each => each.outerHTML.slice(0, 160))];
            }"""
        )
        return found

    def unmarked(self) -> list[str]:
        """What shows nobody that the keyboard is at it."""
        found: list[str] = self.page.evaluate(_UNMARKED)
        return [f"no focus shown: {each}" for each in found]

    def jumps(self) -> list[str]:
        """What moved while the page was loaded, by itself."""
        shifts = self.page.evaluate(_SHIFTS)
        return [f"moved by {size}: {what}" for size, what in shifts if size > SMALLEST_JUMP]

    def shorten(self, alike: str) -> None:
        """Leave out what is like the rest, as far as it does not make a phone scroll sideways."""
        self.page.set_viewport_size({"width": NARROW, "height": 844})
        assert self.too_wide() == []
        self.page.set_viewport_size({"width": WIDE, "height": 860})
        script = "alike => document.querySelectorAll(alike).forEach(each => each.remove())"
        self.page.evaluate(script, alike)

    def inspect(self, name: str) -> None:
        """Look at the page wide and light, then narrow and dark, and keep both pictures."""
        found = self.jumps() + self.findings() + self.too_wide() + self.unmarked()
        self.keep(f"{name}-light-{WIDE}")
        self.page.emulate_media(color_scheme="dark")
        self.page.set_viewport_size({"width": NARROW, "height": 844})
        found += self.findings(CONTRAST) + self.too_wide()
        self.keep(f"{name}-dark-{NARROW}")
        self.page.set_viewport_size({"width": WIDE, "height": 860})
        self.page.emulate_media(color_scheme="light")
        assert not found, f"{name}: {found}"

    def keep(self, name: str) -> None:
        """Keep a picture of the whole page among the artifacts."""
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)
