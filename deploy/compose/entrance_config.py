"""Prints the entrance's configuration for these containers, from CARE_VOICE_ENTRANCE__*; run in the image by `prepare`.

What `care-voice steward` renders for slots on one machine, with the slots' names on the containers' network instead.
"""

import sys

from care_voice.config import load_settings
from care_voice.ops.entrance.rendering import Layout, rendered

_RUN = "/run/entrance"
_LAYOUT = Layout(
    slots={"blue": "blue:3000", "green": "green:3000"},
    admin_socket=f"{_RUN}/admin.sock",
    door_socket=f"{_RUN}/door.sock",
    servers_state=f"{_RUN}/servers.state",
)

sys.stdout.write(rendered(load_settings().entrance, _LAYOUT))
