"""One list of pins: environment.yml and the installed packages agree with pyproject.toml."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.markers import Marker

from bnlab.cuda.compiler import find

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
PIN = re.compile(r"^([a-z0-9-]+)={1,2}([^;\s]+)(?:; (.*))?$")


def pins_of(requirements):
    """Name -> version and the condition on the platform, "" for none."""
    matches = [PIN.match(r) for r in requirements]
    assert all(matches), (
        f"not pinned: {[r for r, m in zip(requirements, matches, strict=True) if not m]}"
    )
    return {CONDA_NAMES.get(m[1], m[1]): (m[2], m[3] or "") for m in matches}


def project_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [r for group in project["optional-dependencies"].values() for r in group]
    return pins_of(project["dependencies"] + extras)


def test_environment_agrees_with_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(item["pip"] for item in listed if isinstance(item, dict))
    conda = [item for item in listed if isinstance(item, str) and "=" in item and " " not in item]
    assert len(conda) >= 4
    assert pins_of(conda + pip) == project_pins()


def test_macos_gets_the_compiler_that_it_can_run():
    conditions = {name: condition for name, (_, condition) in project_pins().items() if condition}
    assert conditions == {
        "cupy-cuda13x": "sys_platform != 'darwin'",
        "nvidia-cuda-nvrtc-cu12": "sys_platform != 'darwin'",
        "nvidia-cuda-runtime-cu12": "sys_platform != 'darwin'",
        "ziglang": "sys_platform == 'darwin'",
    }


def test_installed_packages_are_the_pinned_ones():
    for name, (wanted, condition) in project_pins().items():
        if not name.startswith("cupy") and (not condition or Marker(condition).evaluate()):
            assert version(name).split("+")[0] == wanted, name


def test_the_lab_names_the_pins_when_it_has_no_compiler():
    pins = [f"{name}=={version}" for name, (version, _) in project_pins().items()]
    named = re.findall(r"[a-z0-9-]+==[0-9.]+", " ".join(find.PACKAGES.values()))
    assert len(named) == 3
    assert set(named) <= set(pins)
