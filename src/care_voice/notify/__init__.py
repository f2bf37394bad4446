"""Messages to other machines: signed, and to none that could be a way into this network."""
