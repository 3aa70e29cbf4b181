"""The definition for Meltano Hub, served as the Hub serves it, and `meltano add`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.environments import INSTALLING, ROOT, environment, machine_for_uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_leadlex.sandbox import Sandbox
    from tests.support import Json

FILE = ROOT / "scripts/hub.yml"
DEFINITION = yaml.safe_load(FILE.read_text(encoding="utf-8"))
VARIANT = DEFINITION["variant"]
# What the Hub keeps for its own pages.
PAGE = (
    "definition domain_url keywords maintenance_status next_steps prereq quality "
    "settings_preamble usage"
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - its signature
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """Serve what the Hub builds from the definition; give its URL."""
    folder = tmp_path / "hub"
    plugins = folder / "meltano/api/v1/plugins/extractors"
    plugins.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    url = f"http://127.0.0.1:{server.server_port}"
    file = f"tap-leadlex--{VARIANT}"
    index = {
        "tap-leadlex": {
            "default_variant": VARIANT,
            "logo_url": url + DEFINITION["logo_url"],
            "variants": {VARIANT: {"ref": f"{url}/meltano/api/v1/plugins/extractors/{file}"}},
        }
    }
    published = {key: value for key, value in DEFINITION.items() if key not in PAGE.split()}
    published |= {"logo_url": url + published["logo_url"], "docs": f"{url}/extractors/{file}"}
    (plugins / "index").write_text(json.dumps(index))
    (plugins / file).write_text(json.dumps(published))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Project:
    """A Meltano project with nothing in it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        """Make the project.

        Args:
            folder: Its folder.
            **variables: Environment variables.
        """
        self.folder = folder
        folder.mkdir()
        (folder / "meltano.yml").write_text("send_anonymous_usage_stats: false\nproject_id: new\n")
        self._meltano = environment("meltano") / "bin/meltano"
        machine = machine_for_uv()
        self._environment = {
            **machine,
            "PATH": f"{self._meltano.parent}{os.pathsep}{machine['PATH']}",
            "MELTANO_VENV_BACKEND": "uv",
            **variables,
        }

    def meltano(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the pinned Meltano."""
        done = subprocess.run(  # noqa: S603 - the pinned Meltano
            [self._meltano, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def extractor(self) -> Json:
        """What its meltano.yml says of the one extractor."""
        text = (self.folder / "meltano.yml").read_text()
        (extractor,) = yaml.safe_load(text)["plugins"]["extractors"]
        return dict(extractor)


@pytest.fixture
def packages(tmp_path: Path) -> str:
    """Build the package, as PyPI has it after a release; give its folder."""
    folder = str(tmp_path / "packages")
    uv = str(Path(sys.executable).with_name("uv"))
    build = [uv, "build", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder, ROOT], check=True, capture_output=True)  # noqa: S603
    return folder


def test_meltano_adds_the_tap_from_the_hub(
    serve: Callable[..., Sandbox], hub: str, packages: str, tmp_path: Path
) -> None:
    sandbox = serve(contacts=30)
    project = Project(
        tmp_path / "project",
        MELTANO_HUB_URL=hub,
        UV_FIND_LINKS=packages,
        TAP_LEADLEX_API_KEY=sandbox.key,
        TAP_LEADLEX_API_URL=sandbox.url,
    )

    project.meltano("add", "tap-leadlex")

    named = {key: DEFINITION[key] for key in ("name", "variant", "pip_url")}
    assert project.extractor == named
    lock = project.folder / f"plugins/extractors/tap-leadlex--{VARIANT}.lock"
    assert json.loads(lock.read_text())["settings"] == DEFINITION["settings"]

    listed = project.meltano("config", "list", "tap-leadlex").stdout
    assert "api_key [env: TAP_LEADLEX_API_KEY] current value: (redacted)" in listed
    assert sandbox.key not in listed

    done = project.meltano("config", "test", "tap-leadlex")
    assert "Plugin configuration is valid" in done.stdout

    # Its lines are read as structured logs.
    done = project.meltano("invoke", "tap-leadlex", "--test")
    assert "Tested window up to " in done.stderr
    assert '"message"' not in done.stderr
    assert [call.rows for call in sandbox.exports] == [30, 1]


def test_meltano_adds_the_tap_from_the_file(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")

    project.meltano("add", "--no-install", "tap-leadlex", "--from-ref", FILE)

    settings = {setting["name"]: setting for setting in project.extractor["settings"]}
    assert settings == {setting["name"]: setting for setting in DEFINITION["settings"]}
    assert project.extractor["pip_url"] == DEFINITION["pip_url"]
