"""What every test stands on: platform, compilation cache, checked shapes, a browser."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook

REPOSITORY = Path(__file__).parent.parent
CACHE = REPOSITORY / ".cache"

# --- before JAX or mesagym is imported ------------------------------------------------
# Through the environment and not jax.config, so that the processes that tests start
# have the same.

# Tests pass on any machine alike; MESAGYM_TEST_PLATFORM=cuda runs them elsewhere.
os.environ["JAX_PLATFORMS"] = os.environ.get("MESAGYM_TEST_PLATFORM", "cpu")

# Compilation is most of the time of most tests: keep it from one run to the next.
# Entries under 0.1 s cost as much to look up as to compile.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")

# What is compiled here runs a few times only: XLA's own optimisation costs a third of
# the time of the tests of environments, and gives it back to none of them.
if os.environ["JAX_PLATFORMS"] == "cpu":
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# No test opens a window, and none speaks to a server unless it says so itself.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(CACHE / "hypothesis"))

# Every shape annotation of mesagym's functions is checked while tests run. Checked
# functions are made at import, so one imported earlier would silently stay unchecked.
if "mesagym" in sys.modules:
    raise RuntimeError("mesagym was imported before tests/conftest.py could check it")
install_import_hook("mesagym", "beartype.beartype")

import jax  # noqa: E402

import mesagym  # noqa: E402

# --- hypothesis -----------------------------------------------------------------------

# The first example of a jitted function pays its compilation: a deadline would blame
# that example. CI draws the same examples every time, so that a failure there is the
# change's own; everyone else keeps exploring.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

# --- the browser ----------------------------------------------------------------------

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_FLAGS = (
    "--headless",
    "--no-sandbox",  # root, as in a container, cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page under test has no network
)


@dataclass(frozen=True)
class Page:
    """What a browser made of a page."""

    dom: str
    """The document after its scripts have run, as HTML."""
    console: list[str]
    """Every message on the console, uncaught exceptions included."""
    requests: set[str]
    """Addresses that the page asked the network for; none was answered."""


def _group(item: pytest.Item) -> str:
    """Return what an item shares fixtures with: its file, or there its environment."""
    callspec = getattr(item, "callspec", None)
    name = None if callspec is None else callspec.params.get("name")
    shared = isinstance(name, str) and name in mesagym.registered_envs
    return f"{item.path.parent.name}-{name if shared else item.path.name}"


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Forget compiled programs once the tests that share them are over.

    Each keeps pieces of memory mapped, and a process may have 65,530 of them: after
    some thousand programs the compiler dies of it.
    """
    if nextitem is None or _group(item) != _group(nextitem):
        jax.clear_caches()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what shares fixtures run in one process, in file order.

    A file's tests do, and of tests over every environment those of one environment.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


@dataclass(frozen=True)
class Chromium:
    """A headless browser with an empty profile of its own for each page."""

    executable: str
    new_folder: Callable[[], Path]

    def flags(self) -> list[str]:
        """Return the flags for one start, a new empty profile among them."""
        return [*_FLAGS, f"--user-data-dir={self.new_folder()}"]

    def open(self, page: Path, *flags: str, timeout_s: float = 60) -> Page:
        """Open a local file, let its scripts run, and say what happened.

        Args:
            page: the HTML file.
            *flags: further flags, such as ``--window-size=400,800``.
            timeout_s: how long the browser may take before the test fails.
        """
        log = self.new_folder() / "net.json"
        done = subprocess.run(
            [
                self.executable,
                *self.flags(),
                *flags,
                "--enable-logging=stderr",
                f"--log-net-log={log}",
                # Timers and animations run at once instead of being waited for.
                "--virtual-time-budget=10000",
                "--dump-dom",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        events = json.loads(log.read_text())["events"]
        details = [event.get("params", {}) for event in events]
        # The browser's own errands (its clock, its updates) belong to no page.
        requests = {
            detail["url"]
            for detail in details
            if detail.get("network_isolation_key", "").startswith("file://")
        }
        return Page(done.stdout, console, requests)


@pytest.fixture
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    """The browser; without one the test is skipped, under CI it fails."""
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        missing = f"none of {', '.join(_BROWSERS)} is installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}, and CI is true (Debian: apt-get install chromium)")
        pytest.skip(missing)
    return Chromium(executable, lambda: tmp_path_factory.mktemp("chromium"))
