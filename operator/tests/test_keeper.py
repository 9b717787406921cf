"""Which pipelines are due after what happened. No pass in here gets as far as a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from kit import virtual
from kit.evidence import KAFKA, SPEC, raw_pipeline
from kit.golden import IMAGES
from structlog.testing import capture_logs

from pulse.adapters.metrics import OPERATOR_REGISTRY
from pulse.facts import Images
from pulse_operator import objects
from pulse_operator.apply import Applier
from pulse_operator.conditions import aside
from pulse_operator.index import Index
from pulse_operator.keeper import AUTOSCALER_SECONDS, Keeper
from pulse_operator.metadata import Meta
from pulse_operator.objects import FINALIZER, Ref
from pulse_operator.observe import Observer
from pulse_operator.pipeline import SpecInvalid, parsed
from pulse_operator.publish import Publisher
from pulse_operator.reconcile import Reconciler
from pulse_operator.refusals import ApiUnavailable, NotFound
from pulse_operator.report import only_ready
from pulse_operator.scaler import Scaler

SHOP, BLOG = ("web", "shop"), ("web", "blog")
NOTHING = cast(Any, None)  # an edge that no test in here reaches


def clock() -> float:
    return 0.0


def reconciler() -> Reconciler:
    observer = Observer(NOTHING, NOTHING, False, clock)
    return Reconciler(
        images=Images(**IMAGES),
        observer=observer,
        applier=Applier(NOTHING, Index(), observer),
        remover=NOTHING,
        scaler=Scaler(NOTHING, 10.0, clock, lambda _: None),
        publisher=Publisher(NOTHING, NOTHING, clock),
        events=NOTHING,
        resync_seconds=300.0,
        clock=clock,
    )


def keeper() -> Keeper:
    made = Keeper(virtual.clock)
    made.serve(reconciler())
    return made


def due(happen: Callable[[Keeper], None], *there: dict[str, Any], seconds: float = 1.0) -> list[tuple[str, str]]:
    """What is due some time after this, of pipelines that were looked at before."""

    async def main() -> list[tuple[str, str]]:
        kept = keeper()
        for raw in there:
            kept.appeared(raw)
        taken: list[tuple[str, str]] = []

        async def look(key: tuple[str, str]) -> None:
            taken.append(key)

        def failed(*told: object) -> None:
            raise AssertionError(told)

        await virtual.during(1.0, kept.work.run(look, failed))
        taken.clear()
        happen(kept)
        await virtual.during(seconds, kept.work.run(look, failed))
        return taken

    return virtual.run(main())


class OnlyGone:
    """An API server that has no pipeline any more."""

    async def get(self, ref: Ref) -> Any:
        raise NotFound(f"{ref} is not there.")


def test_a_pipeline_whose_end_no_watch_told_of_is_let_go_and_nothing_is_made_for_it() -> None:
    async def main() -> tuple[float | None, list[str]]:
        kept = keeper()
        made = reconciler()
        made.observer = Observer(cast(Any, OnlyGone()), NOTHING, False, virtual.clock)
        kept.serve(made)
        kept.appeared(raw_pipeline())
        await asyncio.sleep(made.resync_seconds)
        return await kept.one(SHOP), [str(key) for key in kept._raw]

    assert virtual.run(main()) == (None, [])


def meta(owner: tuple[str, str] | None) -> Meta:
    return Meta("u", "1", 1, False, 0.0, owner, "", "", "")


def test_a_new_pipeline_is_due() -> None:
    assert due(lambda kept: kept.appeared(raw_pipeline())) == [SHOP]


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 5},
        {"annotations": {"pulse.dev/paused": "true"}},
        {"deletionTimestamp": "2026-03-01T12:00:00Z"},
        {"finalizers": [FINALIZER]},
        {"uid": "another", "resourceVersion": "71"},
    ],
)
def test_what_somebody_asked_for_is_due(change: dict[str, Any]) -> None:
    assert due(lambda kept: kept.appeared(raw_pipeline(**change)), raw_pipeline()) == [SHOP]


def test_our_own_writing_is_not() -> None:
    ours = {**raw_pipeline(resourceVersion="71", managedFields=[{"manager": "x"}]), "status": {"phase": "Ready"}}
    assert due(lambda kept: kept.appeared(ours), raw_pipeline()) == []


def test_what_is_told_late_of_an_earlier_pipeline_is_not_taken() -> None:
    later = raw_pipeline(uid="later", resourceVersion="90")
    assert due(lambda kept: kept.appeared(raw_pipeline()), later) == []

    def happen(kept: Keeper) -> None:
        kept.vanished(raw_pipeline())
        kept.news(SHOP)

    assert due(happen, later) == [SHOP]


def test_a_change_of_what_pipelines_stand_on_is_of_all_of_them() -> None:
    def happen(kept: Keeper) -> None:
        assert kept._reconciler
        kept._reconciler.dependents[KAFKA] = {SHOP, BLOG, ("web", "unknown")}
        kept.changed(KAFKA, None)
        kept.changed(KAFKA, meta(None))

    assert sorted(due(happen, raw_pipeline(), raw_pipeline(name="blog"))) == [BLOG, SHOP]


def test_a_change_of_a_child_is_of_its_pipeline_alone() -> None:
    child = Ref(KAFKA.kind, "web", "anything")
    both = raw_pipeline(), raw_pipeline(name="blog")
    assert due(lambda kept: kept.changed(child, meta(BLOG)), *both) == [BLOG]
    assert due(lambda kept: kept.changed(child, meta(None)), *both) == []
    assert due(lambda kept: kept.changed(child, meta(("other", "shop"))), *both) == []


def test_what_an_autoscaler_of_kubernetes_says_of_itself_all_the_time_is_looked_at_now_and_then() -> None:
    child = Ref(objects.AUTOSCALER, "web", "shop-collector")
    assert due(lambda kept: kept.changed(child, meta(SHOP)), raw_pipeline()) == []
    assert due(lambda kept: kept.changed(child, meta(SHOP)), raw_pipeline(), seconds=AUTOSCALER_SECONDS + 1) == [SHOP]

    def gone(kept: Keeper) -> None:
        kept._reconciler.dependents[child] = {SHOP}  # type: ignore[union-attr]
        kept.changed(child, None)

    assert due(gone, raw_pipeline()) == [SHOP], "one that is gone is missed at once"


def test_news_of_the_autoscaler_are_of_pipelines_that_there_are() -> None:
    def happen(kept: Keeper) -> None:
        kept.news(SHOP)
        kept.news(BLOG)

    assert due(happen, raw_pipeline()) == [SHOP]


def test_a_pipeline_that_vanished_is_not_due_any_more() -> None:
    def happen(kept: Keeper) -> None:
        kept.appeared(raw_pipeline(generation=5))
        kept.vanished(raw_pipeline())

    assert due(happen, raw_pipeline()) == []


def test_pipelines_are_counted() -> None:
    def happen(kept: Keeper) -> None:
        assert OPERATOR_REGISTRY.get_sample_value("pulse_operator_pipelines") == 2
        kept.vanished(raw_pipeline())
        assert OPERATOR_REGISTRY.get_sample_value("pulse_operator_pipelines") == 1

    due(happen, raw_pipeline(), raw_pipeline(name="blog"))


def passes(raw: dict[str, Any] | None) -> float | None:
    """What one pass over the shop says about the next."""

    async def main() -> float | None:
        kept = keeper()
        if raw is not None:
            kept.appeared(raw)
        return await kept.one(SHOP)

    return virtual.run(main())


def test_a_pipeline_that_is_gone_is_not_looked_at_again() -> None:
    assert passes(None) is None
    assert passes(raw_pipeline(deletionTimestamp="2026-03-01T12:00:00Z")) is None


def told(raw: dict[str, Any], verdict: Any, phase: str) -> dict[str, Any]:
    """The pipeline whose status says this already."""
    return {**raw, "status": only_ready({}, raw["metadata"]["generation"], 0.0, verdict, phase)}


def test_a_paused_pipeline_is_left_alone_and_nothing_is_written_twice() -> None:
    raw = raw_pipeline(annotations={"pulse.dev/paused": "true"})
    assert passes(told(raw, aside.paused(), "Paused")) == 300


def test_a_spec_of_another_version_is_told_once() -> None:
    raw = raw_pipeline({**SPEC, "mirrors": 2})
    with pytest.raises(SpecInvalid) as wrong:
        parsed(raw)
    assert passes(told(raw, aside.invalid(wrong.value), "Pending")) == 300


def test_a_pass_that_failed_is_told_with_its_reason() -> None:
    kept = Keeper(lambda: 0.0)
    with capture_logs() as lines:
        kept.failed(SHOP, ApiUnavailable("The API server is away."), 1.2345)
        kept.failed(SHOP, KeyError("x"), 2.0)
    known, surprise = lines
    assert {**known, "exc_info": None} == {
        "event": "reconcile_failed",
        "log_level": "warning",
        "pipeline": "web/shop",
        "retry_in_seconds": 1.2,
        "problem": "The API server is away.",
        "exc_info": None,
    }
    assert known["exc_info"] is None
    assert (surprise["problem"], type(surprise["exc_info"])) == ("KeyError: 'x'", KeyError)
