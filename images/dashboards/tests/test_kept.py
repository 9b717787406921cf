"""What the page loads of others is what their package has, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pulse_dashboards import web

VENDOR = Path(web.__file__).parent / "static" / "vendor"
SHA256 = {"chart.umd.min.js": "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2"}


def test_a_library_is_as_its_package_has_it_and_its_licence_lies_beside_it() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    assert found == SHA256
    assert "MIT License" in (VENDOR / "LICENSE.md").read_text(encoding="utf-8")
    assert "chart.js` 4.6.1" in (VENDOR / "README.md").read_text(encoding="utf-8")


def test_no_file_of_the_page_names_another_host() -> None:
    own = [path for path in VENDOR.parents[1].rglob("*.*") if VENDOR not in path.parents]
    for path in own:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
