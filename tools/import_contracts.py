"""The layers of a service and the purity of its core, as import-linter contracts; knows no service by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

# Imports go down this list only. A file with another name is a use case (ingest.py, planning.py): no entry needed.
LAYERS = ("__main__", "settings", "servicer", "<use case>", "store", "core")
USE_CASE, STORE, CORE = (LAYERS.index(name) for name in ("<use case>", "store", "core"))
# Alembic revisions live beside the store and see what it sees.
RANKS = {name: rank for rank, name in enumerate(LAYERS)} | {"migrations": STORE}


def rank(module: str) -> int:
    """How deep a module lies: the first of its path segments that names a layer decides."""
    segments = module.split(".")[1:]
    return next((RANKS[segment] for segment in segments if segment in RANKS), USE_CASE)


def climbs(importer: str, imported: str) -> bool:
    """Whether an import goes up; one within a layer (core/ranking.py -> core/reasons.py) does not."""
    return rank(imported) < rank(importer)


def within(module: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of the packages or lies inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def package_of(module: str) -> str:
    """The distribution's package: fieldwise_profile for fieldwise_profile.core.fold."""
    return module.partition(".")[0]


def imports(graph: ImportGraph, package: str) -> Iterator[tuple[str, str]]:
    """Every import made below a package, as (importer, imported), in order."""
    for importer in sorted(module for module in graph.modules if module.startswith(f"{package}.")):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def told(graph: ImportGraph, importer: str, imported: str) -> str:
    """An import with its place: `fieldwise_x.store line 12 imports fieldwise_x.servicer`."""
    details = graph.get_import_details(importer=importer, imported=imported)
    place = f" line {details[0]['line_number']}" if details else ""
    return f"{importer}{place} imports {imported}"


class FaultList(Contract):
    """A contract whose verdict is a list of lines, each an import that should not be."""

    remedy = ""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every import made below the packages; ``verbose`` changes nothing."""
        pairs = [pair for package in self.walked() for pair in imports(graph, package)]
        faults = [told(graph, *pair) for pair in pairs if self.offends(*pair)]
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the faults, then what to do."""
        for line in [*check.metadata["faults"], self.remedy]:
            output.print_error(line)

    def walked(self) -> list[str]:
        """The packages whose imports are looked at."""
        return self.listed("packages")

    def listed(self, option: str) -> list[str]:
        """The names given to the contract in pyproject.toml; none when the option is left out."""
        return sorted(getattr(self, option) or ())

    def offends(self, importer: str, imported: str) -> bool:
        """Whether this import breaks the contract."""
        return False


class DownwardContract(FaultList):
    """Within each package, a module imports only from its own layer or a lower one."""

    packages = fields.SetField(subfield=fields.StringField())
    remedy = f"Imports only go down: {' > '.join(LAYERS)}. Move the rule down, or pass it as an argument."

    def offends(self, importer: str, imported: str) -> bool:
        """Whether the import stays in the package and goes up."""
        return within(imported, {package_of(importer)}) and climbs(importer, imported)


class PureContract(FaultList):
    """A core imports nothing through which the world could change its answer; ``whole`` packages are core all through."""

    packages = fields.SetField(subfield=fields.StringField())
    whole = fields.SetField(subfield=fields.StringField(), required=False)
    forbidden = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField(), required=False)
    remedy = "A core takes time, randomness and parameters as arguments, and leaves wire and SQL to servicer and store."

    def walked(self) -> list[str]:
        """Those with a core, and those that are core all through."""
        return [*self.listed("packages"), *self.listed("whole")]

    def offends(self, importer: str, imported: str) -> bool:
        """Whether a core reaches for something forbidden and not excepted."""
        refused = within(imported, self.listed("forbidden")) and not within(imported, self.listed("allowed"))
        return refused and (rank(importer) == CORE or within(importer, self.listed("whole")))
