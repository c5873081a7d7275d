"""The build hook of the protos: what is generated imports, repeats without a trace, and survives a bad contract."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOP = 'syntax = "proto3";\npackage fieldwise.shop.v1;\nimport "google/longrunning/operations.proto";\n'
SERVICE = (
    "message OpenRequest {}\nservice Shop { rpc Open(OpenRequest) returns (google.longrunning.Operation); }\n"
)


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """protos/hatch_build.py, loaded from its file: it is part of no package."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "protos" / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contract(folder: Path, text: str) -> Path:
    """A folder of contracts that holds one file."""
    path = folder / "fieldwise" / "shop" / "v1" / "shop.proto"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


def times(folder: Path) -> dict[Path, int]:
    """When each generated file was written, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_long_running_operations_are_generated_under_the_name_that_imports(
    hook: ModuleType, tmp_path: Path
) -> None:
    hook.generate(contract(tmp_path, SHOP + SERVICE), tmp_path / "generated")
    probe = "from fieldwise.shop.v1 import shop_pb2_grpc; print(shop_pb2_grpc.ShopStub.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path / "generated",
        env={"PYTHONPATH": str(tmp_path / "generated")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ShopStub\n"


def test_generating_again_touches_nothing_and_a_bad_contract_keeps_the_old_classes(
    hook: ModuleType, tmp_path: Path
) -> None:
    generated = tmp_path / "generated"
    hook.generate(contract(tmp_path, SHOP + SERVICE), generated)
    first = times(generated)
    hook.generate(tmp_path, generated)
    assert times(generated) == first
    with pytest.raises(hook.ContractError, match=r"shop\.proto:4"):
        hook.generate(contract(tmp_path, SHOP + "message Open {"), generated)
    assert times(generated) == first


def test_classes_of_a_contract_that_is_gone_are_removed(hook: ModuleType, tmp_path: Path) -> None:
    generated = tmp_path / "generated"
    hook.generate(contract(tmp_path, SHOP + SERVICE), generated)
    (tmp_path / "fieldwise/shop/v1/shop.proto").rename(tmp_path / "fieldwise/shop/v1/store.proto")
    hook.generate(tmp_path, generated)
    assert not list(generated.rglob("shop_pb2*"))
    assert list(generated.rglob("store_pb2.py"))


def test_what_is_generated_is_what_the_contracts_say_now(hook: ModuleType, tmp_path: Path) -> None:
    hook.generate(ROOT / "protos", tmp_path)
    fresh = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.py")}
    present = ROOT / "protos" / "generated"
    assert {path: (present / path).read_bytes() for path in fresh if (present / path).exists()} == fresh, (
        "make protos"
    )
