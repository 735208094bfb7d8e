"""Snakemake that looks at its jobs every second.

The executor adds ten seconds to each interval between two looks, up to three minutes, and has no
setting for it: right for a busy cluster, slow for a test.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(self) -> None:
    await asyncio.sleep(1)


RemoteExecutor.sleep = _sleep
sys.exit(main())
