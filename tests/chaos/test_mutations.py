"""That each broken promise fits the code of today, is judged by tests and faults that exist, and is on the page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kit.breaking import DoesNotFitError, Edit, broken, broken_copy, broken_texts
from kit.noticing import CHECKOUT, environment

from chaos.faults import KINDS
from chaos.mutations import BROKEN_PROMISES, BrokenPromise

EACH = pytest.mark.parametrize("promise", BROKEN_PROMISES, ids=[one.mutation.name for one in BROKEN_PROMISES])


@EACH
def test_a_mutation_fits_the_code_and_is_still_python(promise: BrokenPromise) -> None:
    for name, text in broken_texts(CHECKOUT, promise.mutation).items():
        compile(text, name, "exec")
        assert text != (CHECKOUT / name).read_text()


@EACH
def test_what_has_to_notice_it_exists(promise: BrokenPromise) -> None:
    assert promise.mutation.catches
    for name in promise.mutation.catches:
        file, test = name.split("::")
        assert f"def {test.partition('[')[0]}(" in (CHECKOUT / file).read_text()
    assert set(promise.faults) <= set(KINDS)
    assert bool(promise.faults) is bool(promise.says)


@EACH
def test_the_page_says_what_notices_it(promise: BrokenPromise) -> None:
    page = (CHECKOUT / "docs" / "chaos.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(f"| `{promise.mutation.name}` |")]
    assert len(rows) == 1, f"docs/chaos.md has {len(rows)} rows about {promise.mutation.name}"
    assert promise.mutation.means in rows[0]
    tests, faults = rows[0].split(" | ")[2:4]
    assert set(re.findall(r"::(\w+)", tests)) == {re.split(r"::|\[", name)[1] for name in promise.mutation.catches}
    assert set(re.findall(r"`([a-z-]+)`", faults)) == set(promise.faults)


def test_what_runs_on_a_copy_is_the_code_of_the_copy(tmp_path: Path) -> None:
    broken_copy(CHECKOUT, BROKEN_PROMISES[0].mutation, tmp_path)
    asked = "import pulse, pulse_consumer, chaos; print(pulse.__file__, pulse_consumer.__file__, chaos.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert all(name.startswith(f"{tmp_path}/") for name in done.stdout.split()), done.stdout


def test_code_that_is_not_what_it_was_made_for_is_refused() -> None:
    with pytest.raises(DoesNotFitError, match="0 times"):
        broken("nothing", Edit("file", "something", "else"))
    with pytest.raises(DoesNotFitError, match="2 times"):
        broken("once, once", Edit("file", "once", "never"))
