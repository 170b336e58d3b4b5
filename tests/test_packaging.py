"""Does a fresh machine get the same thing from every door: pip, wheel and conda?"""

import ast
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# conda-forge calls two of them otherwise; matplotlib comes without the Qt that nothing here uses
CONDA_NAME = {"matplotlib": "matplotlib-base", "arch": "arch-py"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def bounds(requirements: list[str]) -> dict[str, str]:
    """Lower bound by canonical name, of requirements such as ``pandas>=3.0`` or ``pandas >=3.0``."""
    split = [re.fullmatch(r"([\w.-]+)\s*>=\s*([\w.]+)", requirement) for requirement in requirements]
    assert all(split), f"expected name>=version everywhere in {requirements}"
    return {canonical(match[1]): match[2] for match in split if match}


def direct() -> dict[str, str]:
    return bounds(PROJECT["project"]["dependencies"])


def optional() -> dict[str, str]:
    """What tests, checks and documentation need."""
    extras = PROJECT["project"]["optional-dependencies"]
    extras = {name: wanted for name, wanted in extras.items() if name != "ja"}  # fonts for who has none
    return bounds([one for extra in extras.values() for one in extra])


def for_building() -> dict[str, str]:
    return bounds(PROJECT["dependency-groups"]["build"])


def locked() -> dict[str, list[str]]:
    """Each requirement of the lock with its lines."""
    blocks = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    return {block.split(" ")[0]: block.splitlines() for block in blocks}


def test_conda_environment_has_the_same_dependencies_and_bounds():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = bounds(
        [entry for entry in environment["dependencies"] if isinstance(entry, str) and entry != "pip"]
    )
    python = PROJECT["project"]["requires-python"].removeprefix(">=")
    wanted = direct() | optional()
    del wanted["playwright"]  # drives a browser in one test, which skips where it is absent
    expected = {CONDA_NAME.get(name, name): bound for name, bound in wanted.items()}
    assert conda == expected | {"python": python}


def test_conda_environment_installs_the_checkout_without_pip_resolving_anything():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][-1] == {"pip": ["-e . --no-deps"]}


def test_every_third_party_import_of_the_package_is_a_direct_dependency():
    origin = importlib.metadata.packages_distributions()
    cluster = {*bounds(PROJECT["project"]["optional-dependencies"]["cluster"]), "dask"}  # it brings dask
    undeclared = set()
    for path in sorted((ROOT / "tariffmodel").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module]
            for module in {name.split(".")[0] for name in names} - {"tariffmodel", *sys.stdlib_module_names}:
                if not {canonical(name) for name in origin.get(module, [module])} & (set(direct()) | cluster):
                    undeclared.add(f"{path.name} imports {module}")
    assert not undeclared


def test_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["project"]["version"]
    assert citation["license"] == PROJECT["project"]["license"]


def test_every_locked_requirement_is_pinned_and_hashed():
    assert locked()
    for requirement, lines in locked().items():
        assert re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", requirement)
        hashes = [line for line in lines[1:] if re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", line)]
        assert hashes and len(hashes) == len(lines) - 1, requirement


def test_lock_names_no_address():
    assert "://" not in LOCK
    assert "@" not in LOCK


def test_every_direct_dependency_is_locked_at_or_above_its_bound():
    pins: dict[str, list[str]] = {}
    for requirement in locked():
        name, version = requirement.split("==")
        pins.setdefault(name, []).append(version)

    def order(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", version))

    wanted = direct() | optional() | for_building()
    low = {n: b for n, b in wanted.items() if any(order(v) < order(b) for v in pins.get(n, ["0"]))}
    assert not low, "run `make lock`"


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="needs the build backend")
def test_wheel_carries_data_notebooks_and_everything_the_package_reads(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("tariffmodel-*-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("data", "notebooks"):
        tracked = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        visible = [path for path in tracked if not any(part.startswith((".", "__")) for part in path.parts)]
        assert {f"tariffmodel/{path.relative_to(ROOT).as_posix()}" for path in visible} <= names
    read = ("py.typed", "runs/report.html.j2", "house.mplstyle")
    web = [f"lab/web/{path.name}" for path in (ROOT / "tariffmodel/lab/web").iterdir()]
    assert {f"tariffmodel/{name}" for name in (*read, *web)} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "data/", "notebooks/"))]


def lint_imports(checkout: Path) -> subprocess.CompletedProcess:
    """What import-linter says of a checkout: code 0 where the order holds."""
    pytest.importorskip("importlinter")
    call = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", call], cwd=checkout, capture_output=True, check=False, text=True
    )


def test_each_wing_knows_only_those_below_it():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"facts/upward.py": "import tariffmodel.tariff.case"}, "facts is not allowed to import"),
        ({"nowhere.py": ""}, "not listed as layers"),
        ({f"stats/{a}.py": f"import tariffmodel.stats.{b}" for a, b in ("xy", "yx")}, "inside a wing BROKEN"),
    ],
    ids=["imports a wing above its own", "has no place in the order", "closes a circle"],
)
def test_the_order_of_the_wings_refuses_a_module_that(tmp_path, added, said):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = shutil.copytree(ROOT / "tariffmodel", tmp_path / "tariffmodel")
    for name, text in added.items():
        (package / name).write_text(text)
    done = lint_imports(tmp_path)
    assert done.returncode != 0 and said in done.stdout
