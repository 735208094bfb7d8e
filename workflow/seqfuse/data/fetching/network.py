"""Whether the hub can be asked at all."""

import socket
import urllib.parse
import urllib.request


def hub_offline() -> str | None:
    """Why the hub is not asked and only its cache is looked into; None where it can be asked.

    Without a network its own retries take half a minute. Behind a proxy, names need not resolve.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    if not urllib.request.getproxies():
        try:
            socket.getaddrinfo(urllib.parse.urlsplit(constants.ENDPOINT).hostname, None)
        except OSError as error:
            return f"no network: {error.strerror}"
    return None
