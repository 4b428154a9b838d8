"""Which pages does the tab have, and who may open them?

The page opens to whoever Flower lets in; the API and the buttons follow the rule of Flower's API: never without
authentication, unless Flower was told so. Everything that waits for the store waits in Flower's executor.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import orjson
from flower.api import BaseApiHandler
from flower.views import BaseHandler
from tornado import web

from fleet.diagnostics import acts, emergency, words
from fleet.diagnostics.acts import Done, Wish
from fleet.diagnostics.glance import Glance, fleet_at_a_glance
from fleet.errors import StoreUnavailable

SAID = "fleet_said"
LONGEST = 500


class FleetView(BaseHandler):  # type: ignore[misc]
    """The page."""

    @web.authenticated
    async def get(self) -> None:
        glance = await _glance(self)
        said = self.get_secure_cookie(SAID)
        if said:
            self.clear_cookie(SAID)
        self.render(
            "fleet.html",
            glance=glance,
            said=json.loads(said) if said else None,
            read_only=self.application.options.read_only,
            words=words,
            emergency=emergency,
        )


class FleetApi(BaseApiHandler):  # type: ignore[misc]
    """The same as JSON."""

    @web.authenticated
    async def get(self) -> None:
        glance = await _glance(self)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.write(orjson.dumps(glance))


class FleetAct(BaseApiHandler):  # type: ignore[misc]
    """What an operator's button asks for."""

    def check_xsrf_cookie(self) -> None:
        super().check_xsrf_cookie()
        # Flower spares basic authentication the token, because its own API is made for scripts. These are buttons.
        web.RequestHandler.check_xsrf_cookie(self)

    @web.authenticated
    async def post(self) -> None:
        if self.application.options.read_only:
            raise web.HTTPError(403, "Read only mode is enabled")
        wish = Wish(
            verb=self._sent("verb"),
            target=self._sent("target"),
            actor=_actor(self),
            source=f"flower {self.request.remote_ip}",
            why=self._sent("why"),
        )
        if wish.verb not in acts.VERBS or not wish.target:
            raise web.HTTPError(400, f"verb must be one of {', '.join(acts.VERBS)}, and target must be given")
        done: Done = await _blocking(self, wish.verb, wish.target, acts.act, wish)
        self.set_secure_cookie(SAID, json.dumps([done.is_done, done.said]), expires_days=None)
        self.redirect(self.reverse_url("fleet"), status=303)

    def _sent(self, name: str) -> str:
        return str(self.get_body_argument(name, ""))[:LONGEST]


async def _glance(handler: Any) -> Glance:
    found: Glance = await _blocking(handler, "fleet_at_a_glance", "store", fleet_at_a_glance)
    return found


async def _blocking(handler: Any, operation: str, target: str, function: Any, *arguments: Any) -> Any:
    runner = handler.application.blocking_runner
    return await runner.run(operation, target, function, *arguments, connection_errors=(StoreUnavailable,))


def _actor(handler: Any) -> str:
    """Return the name that logged in: of basic authentication, or the OAuth e-mail address."""
    if isinstance(handler.current_user, str):
        return str(handler.current_user)
    _, _, credentials = handler.request.headers.get("Authorization", "").partition(" ")
    return b64decode(credentials).decode(errors="replace").partition(":")[0] or "flower"
