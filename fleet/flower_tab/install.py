"""How does the Fleet tab get into Flower?

Flower reads its routes and settings when it starts and executes its configuration file before that. The routes are put
in before the one that answers "not found"; the template loader knows one page more and adds the tab to Flower's own
navigation bar, whatever else Flower shows there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flower import urls
from flower.options import DEFAULT_CONFIG_FILE
from tornado.options import options
from tornado.template import Loader, Template
from tornado.web import url

from fleet.flower_tab.pages import FleetAct, FleetApi, FleetView

PAGE = "fleet.html"
NAVIGATION = "navbar.html"
END_OF_TABS = b"</ul>"
TAB = b"""\
        <li class="nav-item">
          <a class="nav-link{% if active_tab == 'fleet' %} active{% end %}"
            href="{{ reverse_url('fleet') }}"
            {% if active_tab == 'fleet' %}aria-current="page"{% end %}>Fleet</a>
        </li>
      """


def install() -> None:
    """Add routes and templates; once, however often it is called."""
    if any(getattr(handler, "name", None) == "fleet" for handler in urls.handlers):
        return
    urls.handlers[-1:-1] = [
        url(r"/fleet", FleetView, name="fleet"),
        url(r"/fleet/act", FleetAct, name="fleet_act"),
        (r"/api/fleet", FleetApi),
    ]
    urls.settings["template_loader"] = TabLoader(urls.settings["template_path"])
    if Path(DEFAULT_CONFIG_FILE).is_file():
        options.parse_config_file(DEFAULT_CONFIG_FILE, final=False)


class TabLoader(Loader):
    """Flower's templates, one page more, and one tab more."""

    def _create_template(self, name: str) -> Template:
        if name == PAGE:
            return Template((Path(__file__).parent / PAGE).read_bytes(), name=name, loader=self)
        if name == NAVIGATION:
            return Template(with_tab((Path(self.root) / name).read_bytes()), name=name, loader=self)
        template: Any = super()._create_template(name)
        return template  # type: ignore[no-any-return]


def with_tab(navigation: bytes) -> bytes:
    """Return the navigation bar with the tab as the last of the first list."""
    return navigation.replace(END_OF_TABS, TAB + END_OF_TABS, 1)
