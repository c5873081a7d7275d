"""Build hook: turns fieldwise/**/*.proto into Python classes and typed stubs; knows nothing about who uses them."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
IMAGE = "contracts.binpb"
OUTPUTS = ("python_out", "grpc_python_out", "mypy_out", "mypy_grpc_out")


class ContractError(Exception):
    """A contract that protoc refuses; the message is protoc's own, with file, line and column."""


def google_includes(scratch: Path) -> list[Path]:
    """Include folders for google/**, the long-running operations under the name everyone imports.

    googleapis-common-protos ships them as ``operations_proto.proto`` only; code generated from that name
    fails at import. The Python module of the usual name is shipped, so a copy under it is all that is needed.
    """
    common = Path(str(files("google").joinpath("longrunning"))).parent.parent
    target = scratch / "google" / "longrunning"
    target.mkdir(parents=True)
    shutil.copy(common / "google" / "longrunning" / "operations_proto.proto", target / "operations.proto")
    return [scratch, common, Path(str(files("grpc_tools").joinpath("_proto")))]


def plugin_flags() -> list[str]:
    """Where protoc finds its plugins: beside the interpreter that builds, whatever PATH says."""
    beside = str(Path(sys.executable).parent)
    found = {name: shutil.which(name, path=beside) or shutil.which(name) for name in PLUGINS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ContractError(f"{', '.join(missing)} not found; install mypy-protobuf (a build requirement).")
    return [f"--plugin={name}={path}" for name, path in found.items()]


def protoc(sources: Path, flags: Sequence[str]) -> None:
    """Run protoc over every contract below ``sources``; raises ContractError with what it said."""
    contracts = sorted(path.relative_to(sources).as_posix() for path in sources.glob("fieldwise/**/*.proto"))
    if not contracts:
        return
    with tempfile.TemporaryDirectory() as scratch:
        includes = [f"-I{folder}" for folder in (sources, *google_includes(Path(scratch)))]
        command = [sys.executable, "-m", "grpc_tools.protoc", *includes, *flags, *contracts]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise ContractError(f"protoc refused the contracts:\n{run.stderr.strip()}")


def generate(sources: Path, target: Path) -> None:
    """Generate all classes below ``target``/fieldwise; what is already there stays when a contract is refused."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".generating-") as fresh:
        protoc(sources, [*plugin_flags(), *(f"--{output}={fresh}" for output in OUTPUTS)])
        package = Path(fresh, "fieldwise")
        package.mkdir(exist_ok=True)
        (package / "py.typed").touch()
        # The gateway's OpenAPI document says what the comments say, which the classes do not hold.
        image(sources, package / IMAGE)
        publish(package, target / "fieldwise")


def image(sources: Path, target: Path) -> None:
    """All contracts with their comments and whatever they import, as one FileDescriptorSet for buf."""
    protoc(sources, ["--include_imports", "--include_source_info", f"--descriptor_set_out={target}"])


def publish(fresh: Path, target: Path) -> None:
    """Make ``target`` equal ``fresh`` file by file, so that a process importing meanwhile never finds it empty."""
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for path in wanted:
        replace_if_changed(fresh / path, target / path)
    for old in [path for path in target.rglob("*") if path.is_file()]:
        if old.relative_to(target) not in wanted and "__pycache__" not in old.parts:
            old.unlink()


def replace_if_changed(fresh: Path, target: Path) -> None:
    """Move one file into place; an unchanged one keeps its time, so nothing downstream is rebuilt for it."""
    if target.exists() and target.read_bytes() == fresh.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.replace(target)


class GenerateContracts(BuildHookInterface):  # type: ignore[type-arg]  # hatchling has no config type to name here
    """What hatchling calls before it packs a wheel or links an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate; ``version`` is "standard" or "editable" and makes no difference."""
        if self.target_name == "wheel":
            generate(HERE, HERE / "generated")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Generate the classes, or write all contracts as one image.")
    parser.add_argument("--image", type=Path, help="file for a FileDescriptorSet with comments and imports")
    wanted = parser.parse_args().image
    try:
        image(HERE, wanted) if wanted else generate(HERE, HERE / "generated")
    except ContractError as refused:
        sys.exit(str(refused))
