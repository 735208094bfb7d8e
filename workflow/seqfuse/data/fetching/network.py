"""Whether a server, or the hub, can be asked at all."""

import socket
import urllib.parse
import urllib.request


def unreachable(host: str) -> str | None:
    """Why no address is known of a server; None where one is. Behind a proxy, names need not
    resolve."""
    if urllib.request.getproxies():
        return None
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return f"no network: {error.strerror}"
    return None


def hub_offline() -> str | None:
    """Why the hub is not asked and only its cache is looked into; None where it can be asked.

    Without a network its own retries take half a minute.
    """
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable(hub())


def hub() -> str:
    """The hub's server."""
    from huggingface_hub import constants

    return urllib.parse.urlsplit(constants.ENDPOINT).hostname or constants.ENDPOINT
