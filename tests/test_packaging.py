"""What is installed is what is here: packages, data, versions, pins; and what must not be here."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

import crossmargin
from crossmargin.experiments.sweeps.extras import PACKAGES
from tests.repository import FOLDERS, ROOT, files, imports, module_name, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]

#: Registries and folders of some machine, in halves, so that this file does not hold them.
FORBIDDEN = [
    ("py", "pi.org"),
    ("python", "hosted"),
    ("npm", "js.org"),
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("../sha", "red"),
]


def package_files() -> list[Path]:
    return [path for folder in ("crossmargin", *FOLDERS) for path in files(ROOT / folder)]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().split()
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(*extras: str) -> set[str]:
    lists = [PROJECT["project"]["optional-dependencies"][extra] for extra in extras]
    lines = [*PROJECT["project"]["dependencies"], *(line for lines in lists for line in lines)]
    return {normal(re.split(r"[^\w.-]", line)[0]) for line in lines}


def test_packages_are_the_folders() -> None:
    folders = {module_name(path.parent / "__init__.py") for path in package_files()}
    assert sorted(folders) == sorted(SETUPTOOLS["packages"])


def test_packages_with_code_have_an_init() -> None:
    bare = {path.parent for path in package_files() if path.suffix == ".py"}
    assert not [str(folder) for folder in bare if not (folder / "__init__.py").exists()]


def test_every_data_file_is_installed() -> None:
    patterns = SETUPTOOLS["package-data"]["*"]
    for path in package_files():
        # A link of `crossmargin/` is a small text file where links are not supported.
        if path.suffix != ".py" and path.parent != ROOT / "crossmargin":
            assert any(fnmatch(path.name, pattern) for pattern in patterns), path


@pytest.mark.parametrize("folder", FOLDERS)
def test_links_lead_to_the_folders(folder: str) -> None:
    link = ROOT / "crossmargin" / folder
    target = os.readlink(link) if link.is_symlink() else link.read_text()
    assert target == f"../{folder}"
    assert SETUPTOOLS["package-dir"][f"crossmargin.{folder}"] == folder


def test_versions_agree() -> None:
    version = crossmargin.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_public_names_exist() -> None:
    assert not [name for name in crossmargin.__all__ if not hasattr(crossmargin, name)]


def test_type_checkers_see_the_public_names() -> None:
    seen = imports(ROOT / "crossmargin" / "__init__.py") - {"importlib"}
    homes = {f"{home}.{name}" for name, home in crossmargin._HOMES.items()}
    assert {name for name in seen if not name.startswith("typing.")} == homes


def test_constraints_are_plain_pins_of_every_requirement() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    required = requirements("dev", "analysis", "dask") - {"crossmargin"}
    assert required - set(pins()) == set()


def third_party(paths: list[Path]) -> set[str]:
    own = {"crossmargin", "tests", *sys.stdlib_module_names}
    names = {name for path in paths for name in (imports(path) | needed(path))}
    tops = {name.partition(".")[0] for name in names}
    return {normal(PACKAGES.get(top, top)) for top in tops - own}


def needed(path: Path) -> set[str]:
    """Modules of extras, which are imported by `need("module")` when they are used."""
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if getattr(call.func, "id", "") == "need" and call.args]
    return {str(word.value) for word in named if isinstance(word, ast.Constant)}


def test_what_the_package_imports_is_what_it_requires() -> None:
    code = [path for folder in ("crossmargin", *FOLDERS) for path in sources(folder)]
    # llvmlite comes with Numba, which pins it, and threadpoolctl with scikit-learn; pandas writes
    # Parquet with pyarrow and Plotly pictures with kaleido.
    found = (third_party(code) - {"llvmlite", "threadpoolctl"}) | {"pyarrow", "kaleido"}
    assert found == requirements("analysis", "dask")


def test_what_the_tests_import_is_required_by_dev() -> None:
    required = requirements("dev", "analysis", "dask") | {"llvmlite"}
    assert third_party(sources("tests")) <= required


@pytest.mark.parametrize("halves", FORBIDDEN)
def test_no_file_names_a_registry_or_a_machine(halves: tuple[str, str]) -> None:
    word = "".join(halves).encode()
    guilty = [str(path.relative_to(ROOT)) for path in files() if word in path.read_bytes()]
    assert not guilty


def test_the_command_is_there() -> None:
    home, _, name = PROJECT["project"]["scripts"]["crossmargin"].partition(":")
    path = ROOT.joinpath(*home.split(".")[1:]).with_suffix(".py")
    assert name in {getattr(node, "name", "") for node in ast.parse(path.read_bytes()).body}


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fresh_environment(folder: Path) -> Path:
    """Python of a new environment that sees what is installed here, but for crossmargin."""
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", code, cwd=folder).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def install(python: Path, *what: object, cwd: Path) -> None:
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", *what, cwd=cwd)


def home_of(python: Path, cwd: Path) -> Path:
    """Folder from which an environment imports the model; the command and a scenario work."""
    command = python.parent / "crossmargin"
    assert "reproduce" in run(command, "--help", cwd=cwd)
    assert "august-2024" in run(command, "scenarios", cwd=cwd)
    code = "import crossmargin.model.state as s; print(s.__file__)"
    return Path(run(python, "-c", code, cwd=cwd).strip()).parent


def copy_of_repository(folder: Path, *, links: bool) -> None:
    for path in files():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in FOLDERS:
        link = folder / "crossmargin" / name
        if links:
            link.symlink_to(f"../{name}")
        else:
            link.write_text(f"../{name}")


@pytest.mark.long
def test_wheel_from_the_source_distribution(tmp_path: Path) -> None:
    copy_of_repository(tmp_path / "clone", links=True)
    run(sys.executable, "-m", "build", "--outdir", tmp_path, cwd=tmp_path / "clone")
    (wheel,) = tmp_path.glob("*.whl")
    installed = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {path.relative_to(ROOT).as_posix() for path in package_files()}
    inside = {
        name if name.startswith("crossmargin/") else f"crossmargin/{name}" for name in expected
    }
    assert installed == inside
    python = fresh_environment(tmp_path / "env")
    install(python, wheel, cwd=tmp_path)
    assert home_of(python, tmp_path).parent == next(tmp_path.rglob("site-packages")) / "crossmargin"


@pytest.mark.long
@pytest.mark.parametrize("links", [True, False])
def test_editable_install_with_and_without_links(tmp_path: Path, links: bool) -> None:
    clone = tmp_path / "clone"
    copy_of_repository(clone, links=links)
    python = fresh_environment(tmp_path / "env")
    install(python, "-e", clone, cwd=tmp_path)
    assert home_of(python, tmp_path).resolve() == clone / "model"
