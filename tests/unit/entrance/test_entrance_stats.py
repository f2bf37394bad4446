"""What HAProxy counts, added up for each slot."""

from __future__ import annotations

import pytest

from care_voice.ops.entrance.stats import ServerStats, read_stats

HEAD = "# pxname,svname,scur,stot,req_tot,econ,eresp,wretr,wredis,status,weight,hrsp_5xx,"


def text_of(*rows: str) -> str:
    return "\n".join([HEAD, "entrance,FRONTEND,1,9,9,,,,,OPEN,,1,", *rows, ""])


def both(status: str, weight: int = 1) -> tuple[str, str]:
    return f"pair,blue,0,0,0,0,0,0,0,{status},{weight},0,", "pair,green,0,0,0,0,0,0,0,MAINT,1,0,"


def test_the_three_ways_to_a_slot_are_added_up() -> None:
    text = text_of(
        "pair,blue,1,10,6,1,2,3,4,UP,90,5,",
        "pair,green,0,0,0,0,0,0,0,DRAIN,10,0,",
        "pair,door,7,7,7,0,0,0,0,UP,1,7,",
        "single,blue,2,20,19,0,0,1,1,UP,1,0,",
        "single,green,0,0,0,0,0,0,0,DRAIN,1,0,",
        "door,blue,4,100,40,0,0,60,0,no check,90,1,",
        "door,green,0,0,0,0,0,0,0,DRAIN,10,0,",
    )

    assert read_stats(text) == {
        "blue": ServerStats(sessions=7, requests=70, failures=1 + 2 + 4 + 5 + 1 + 1, state="up", weight=90),
        "green": ServerStats(sessions=0, requests=0, failures=0, state="drain", weight=10),
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("UP", "up"),
        ("UP 1/2", "up"),
        ("DOWN", "down"),
        ("DOWN 1/2", "down"),
        ("DRAIN", "drain"),
        ("DRAIN (agent)", "drain"),
        ("MAINT", "maint"),
        ("MAINT (via pair/blue)", "maint"),
    ],
)
def test_states_as_haproxy_words_them(status: str, state: str) -> None:
    assert read_stats(text_of(*both(status)))["blue"].state == state


@pytest.mark.parametrize("text", ["", HEAD, text_of(), "Unknown command: 'show stat'\n"])
def test_what_does_not_name_the_slots_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not know the slot"):
        read_stats(text)
