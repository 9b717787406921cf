"""Takes the Lease, keeps it, and gives it back; the rules stand in `pulse_operator.lease`.

Whoever lost it must stop at once: `hold` raises, and the process is meant to end with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from pulse.errors import Stop
from pulse_operator.api import Api
from pulse_operator.lease import GIVE_UP, RENEW, Record, Sighting, free_in, manifest, record, seen, taken
from pulse_operator.objects import Ref
from pulse_operator.refusals import ApiError, ApiUnavailable, Conflict, NotFound

T = TypeVar("T")


class LeaseLost(Stop):
    """Another operator writes now, or may do so any moment. This process must not write any more."""


class Leadership:
    """One candidate for one Lease. `me` must be unique to the process."""

    def __init__(
        self, api: Api, ref: Ref, me: str, duration_seconds: int = 15, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._ref, self._me, self._duration, self._clock = api, ref, me, duration_seconds, clock
        self._sighting: Sighting | None = None  # while another holds it
        self._record: Record | None = None  # as this candidate wrote it last
        self._renewed = float("-inf")  # when the request began that renewed it last

    @property
    def held(self) -> bool:
        """Whether this process may write now. It turns false by itself when renewing does not succeed for too long."""
        return self._record is not None and self._clock() < self._give_up_at

    async def acquire(self) -> None:
        """Waits until the Lease is this candidate's. An API server that is away only makes it wait longer."""
        while not self.held:
            try:
                wait = await self._attempt()
            except (ApiUnavailable, Conflict):
                wait = self._duration * RENEW
            await asyncio.sleep(wait)

    async def hold(self) -> NoReturn:
        """Renews for ever; raises LeaseLost as soon as another holds it or it could not be renewed for too long."""
        while True:
            await asyncio.sleep(self._duration * RENEW)
            try:
                async with asyncio.timeout(self._give_up_at - self._clock()):
                    await self._renew()
            except TimeoutError:
                self._lost("it could not be renewed in time")

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to. LeaseLost ends it where it stands."""
        holding, working = asyncio.create_task(self.hold()), asyncio.create_task(work)
        try:
            await asyncio.wait({holding, working}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else holding.result()
        finally:
            holding.cancel()
            working.cancel()
            await asyncio.gather(holding, working, return_exceptions=True)

    async def release(self) -> None:
        """Lets the next candidate take it at once; if that fails, it has to wait. Call it when `hold` has ended."""
        held, self._record = self._record, None
        if held is None:
            return
        body = {
            "metadata": {"resourceVersion": held.version},
            "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
        }
        try:
            await self._api.merge_patch(self._ref, body)
        except ApiError:
            return

    @property
    def _give_up_at(self) -> float:
        return self._renewed + self._duration * GIVE_UP

    async def _attempt(self) -> float:
        """Takes it if it is free; else the seconds until it is worth another look."""
        try:
            stored = record(await self._api.get(self._ref))
        except NotFound:
            await self._create()
            return 0.0
        self._sighting = seen(self._sighting, stored, self._clock())
        wait = free_in(self._sighting, self._me, self._clock())
        if not wait:
            await self._write(stored)
        return min(wait, self._duration * RENEW)

    async def _renew(self) -> None:
        """One renewal that succeeds, or LeaseLost. It is tried for as long as the caller lets it."""
        while True:
            before = self._record
            if before is None:
                self._lost("it was never acquired, or was released")
            try:
                return await self._write(before)
            except Conflict:  # somebody wrote; perhaps this very process, and the answer was lost
                await self._reread()
            except NotFound:
                self._lost("it was deleted")
            except ApiError:
                await asyncio.sleep(self._duration * RENEW / 5)

    async def _reread(self) -> None:
        try:
            stored = record(await self._api.get(self._ref))
        except NotFound:
            self._lost("it was deleted")
        except ApiError:
            return  # the next renewal says the same, or not
        if stored.holder != self._me:
            self._lost(f"{stored.holder or 'nobody'} holds it now")
        self._record = stored

    async def _write(self, before: Record) -> None:
        """Takes or renews it, provided that it is still as it was in `before`."""
        began = self._clock()
        spec = taken(before, self._me, self._duration, datetime.now(UTC))
        body = {"metadata": {"resourceVersion": before.version}, "spec": spec}
        self._record, self._renewed = record(await self._api.merge_patch(self._ref, body)), began

    async def _create(self) -> None:
        """Makes the Lease; a Conflict if another candidate was faster."""
        began = self._clock()
        made = manifest(self._ref, taken(None, self._me, self._duration, datetime.now(UTC)))
        self._record, self._renewed = record(await self._api.create(made)), began

    def _lost(self, why: str) -> NoReturn:
        self._record = None
        raise LeaseLost(
            f"The lease {self._ref} of {self._me} is lost: {why}. This process ends, and starts again as a candidate."
        )
