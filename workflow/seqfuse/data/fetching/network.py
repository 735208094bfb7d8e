"""Whether a server, or the hub, can be reached at all."""

import socket
import urllib.parse
import urllib.request


def unreachable(host: str) -> str | None:
    """Why a server's name does not resolve; None if it does, or if a proxy resolves it."""
    if urllib.request.getproxies():
        return None
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return f"no network: {error.strerror}"
    return None


def hub_offline() -> str | None:
    """Why only the hub's cache is read; None if the hub can be reached.

    This saves the hub library's own retries, which take half a minute without a network.
    """
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else unreachable(hub())


def hub() -> str:
    """The host name of the hub's server."""
    from huggingface_hub import constants

    return urllib.parse.urlsplit(constants.ENDPOINT).hostname or constants.ENDPOINT
