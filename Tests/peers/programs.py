"""Where Martlet's own programs and tests are: in the folder of MARTLET_BUILD, which `scripts/test` sets, or in .build/release."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("MARTLET_BUILD", ROOT / ".build" / "release")).resolve()


def run_swift_tests(name, variables, check=True):
    """Runs the Swift tests of this name with these environment variables; builds them in debug if there are none yet.

    Gives the finished process; raises if it failed, unless `check` is false.
    """
    bundle = PROGRAMS / "martletPackageTests.xctest"
    command = [bundle, "--testing-library", "swift-testing"] if bundle.exists() else ["swift", "test"]
    return subprocess.run(
        [*command, "--filter", name], cwd=ROOT, env=os.environ | variables, check=check, capture_output=True, text=True)
