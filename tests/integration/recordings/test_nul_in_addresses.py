"""An address with a NUL names nothing, on every route and with every database: PostgreSQL cannot even be asked."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute

from care_voice.api.server import ROUTES
from support.intake_server import intake_server

NUL = "rec_01m8ab6ng9es33rvjpv7ppcd%00"


def routes_with_names() -> list[tuple[str, str]]:
    """Method and path of every route that takes something from its address, with a NUL in it."""
    routers: list[APIRouter] = [module.router for module in ROUTES]
    found = [each for router in routers for each in router.routes if isinstance(each, APIRoute) and "{" in each.path]
    return [(method, re.sub(r"{[^}]+}", NUL, each.path)) for each in found for method in sorted(each.methods or ())]


async def test_a_nul_in_an_address_is_not_found(tmp_path: Path, postgres_url: str) -> None:
    asked = routes_with_names()
    assert len(asked) > 30
    async with intake_server(tmp_path, STORE__URL=postgres_url) as server:
        answers = [(method, path, await server.client.request(method, path)) for method, path in asked]

    wrong = [(method, path, answer.status_code) for method, path, answer in answers if answer.status_code != 404]
    assert wrong == []
