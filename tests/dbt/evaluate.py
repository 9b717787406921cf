"""`python -m tests.dbt.evaluate`: the rules of dbt-project-evaluator, by the package itself, on a copy of the project.

`dbt deps` gets the package from dbt's hub, so this runs where that can be reached: the hosted workflow. What it is told
stands in `evaluator/`; every exception names a model or source and says why. Exits with dbt's code.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from kit.guardian import Guardian

from . import projects, warehouse

EVALUATOR = Path(__file__).parent / "evaluator"
PACKAGE = "dbt_project_evaluator"
EXCEPTIONS = f"{PACKAGE}_exceptions"


def main() -> int:
    """Installs the package into a copy and builds its models and tests, which are the rules."""
    guardian = Guardian()
    try:
        with warehouse.hasty_server("evaluate-dbt", guardian) as server, tempfile.TemporaryDirectory() as scratch:
            warehouse.prepare(server.dsn())
            project = prepared(Path(scratch))
            environment = warehouse.libpq(warehouse.settings(server.dsn()))
            for words in (["deps"], ["build", "--select", f"package:{PACKAGE}", EXCEPTIONS]):
                ran = subprocess.run(
                    [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *words, "--profiles-dir", "."],
                    cwd=project,
                    env=environment,
                    check=False,
                )
                if ran.returncode != 0:
                    return ran.returncode
            return 0
    finally:
        guardian.dismiss()


def prepared(directory: Path) -> Path:
    """A copy of the project in the directory that asks for the package, with Pulse's settings and exceptions for it."""
    project = projects.copied(directory)
    settings = project / "dbt_project.yml"
    ours, added = yaml.safe_load(settings.read_text()), yaml.safe_load((EVALUATOR / "settings.yml").read_text())
    settings.write_text(yaml.safe_dump({**ours, **added, "vars": {**ours["vars"], **added["vars"]}}))
    shutil.copy(EVALUATOR / "packages.yml", project)
    (project / "seeds").mkdir()
    shutil.copy(EVALUATOR / f"{EXCEPTIONS}.csv", project / "seeds")
    return project


if __name__ == "__main__":
    sys.exit(main())
