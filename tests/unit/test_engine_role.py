"""The loop that serves an engine worker's desk, around a decoder that needs no model."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from care_voice.engine.channel import ChannelClosed
from care_voice.engine.desk import Answer, Desk
from care_voice.engine.protocol import Cancel, DecodeWindow, Dropped, WindowDecoded
from care_voice.engine.roles import EngineRole
from care_voice.engine.windows import WindowDecoder


class Decoder:
    """Gives the words of what it has in hand after so many steps; `stubborn` ones it cannot let go of."""

    def __init__(self, steps: int, stubborn: set[int], between: Callable[[], None]) -> None:
        self.runtime = SimpleNamespace(halvings=1, capacity=2, capacity_s=30.0, progress=0)
        self.in_hand: list[int] = []
        self._steps = steps
        self._stubborn = stubborn
        self._between = between

    def __len__(self) -> int:
        return len(self.in_hand)

    def begin(self, message: DecodeWindow) -> None:
        self.in_hand.append(message.id)

    def drop(self, key: int) -> bool:
        if key not in self._stubborn:
            self.in_hand.remove(key)
        return key not in self._stubborn

    def step(self) -> list[WindowDecoded]:
        self._between()
        self._steps -= 1
        if self._steps:
            return []
        done, self.in_hand = self.in_hand, []
        return [WindowDecoded(number, "en", 1.0, (), 1, 0.0) for number in done]


def window(number: int) -> DecodeWindow:
    return DecodeWindow(number, "test", b"", 0.0, (), "en", (), "transcribe", None, (0.0,), 1)


@pytest.mark.parametrize(("stubborn", "last"), [(set(), Dropped), ({1}, WindowDecoded)], ids=["can", "cannot"])
def test_a_window_in_hand_that_nobody_waits_for_is_dropped_where_it_can_be(
    stubborn: set[int], last: type[Answer]
) -> None:
    sent: list[Answer] = []

    def send(answer: Answer) -> None:
        sent.append(answer)
        if len(sent) == 2:
            raise ChannelClosed

    desk = Desk(send)
    for number in (1, 2):
        desk.put(window(number))
    role = EngineRole()
    role._decoder = cast("WindowDecoder", Decoder(3, stubborn, lambda: desk.cancel(Cancel(1))))
    with pytest.raises(ChannelClosed):
        role.serve(desk)

    limits = desk.snapshot(0, 0.0)
    assert (limits.halvings, limits.capacity, limits.capacity_s) == (1, 2, 30.0)
    assert {answer.id: type(answer) for answer in sent} == {1: last, 2: WindowDecoded}
