"""One list of pins: environment.yml and the installed packages agree with pyproject.toml."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}
PIN = re.compile(r"^([a-z0-9-]+)={1,2}([^;\s]+)(;.*)?$")


def pins_of(requirements):
    matches = [PIN.match(r) for r in requirements]
    assert all(matches), (
        f"not pinned: {[r for r, m in zip(requirements, matches, strict=True) if not m]}"
    )
    return {CONDA_NAMES.get(m[1], m[1]): m[2] for m in matches}


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


def test_cupy_is_left_out_on_macos():
    text = (ROOT / "environment.yml").read_text()
    assert re.search(r"cupy-\S+; sys_platform != 'darwin'", text)


def test_installed_packages_are_the_pinned_ones():
    for name, wanted in project_pins().items():
        if not name.startswith("cupy"):
            assert version(name).split("+")[0] == wanted, name
