"""The id of a request: the caller's own where it is safe to log."""

from __future__ import annotations

import pytest

from care_voice.api.context import choose_request_id


@pytest.mark.parametrize("offered", ["a", "req_1.2-3", "X" * 128])
def test_a_safe_id_is_kept(offered: str) -> None:
    assert choose_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "a b", "a\nb", "ä", "X" * 129, 'a"b', "../x", "a\n"])
def test_anything_else_gets_a_new_id(offered: str | None) -> None:
    chosen = choose_request_id(offered)

    assert chosen != offered
    assert len(chosen) == 32
    assert choose_request_id(offered) != chosen
