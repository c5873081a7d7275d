"""One process that migrates the databases of several packages: what the supervisor runs before it starts them.

`python -m fieldwise_runtime.migrate_all fieldwise_profile fieldwise_gateway.jobs`: most of the time of a migration is
importing what all of them share. Each database is the one of the package's own setting.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence

from fieldwise_runtime import logs, migrations
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.settings import SettingsError, load, service_database_url


def database_of(package: str, environ: Mapping[str, str]) -> str:
    """URL of the package's database: the setting of the service that the package's last name names.

    Raises:
        SettingsError: It is not a database URL.
    """
    service = package.rpartition(".")[2].removeprefix("fieldwise_")
    cls = dataclasses.make_dataclass("DatabaseSetting", [("url", str, service_database_url(service))])
    url: str = load(cls, environ).url
    return url


def main(packages: Sequence[str]) -> int:
    """Migrates each; 1 when one cannot be, with every reason."""
    logs.configure("fieldwise-migrations", os.environ.get("FIELDWISE_LOG_LEVEL", "").strip() or "INFO")
    faults = []
    for package in packages:
        try:
            migrations.migrate(database_of(package, os.environ), package)
        except (SettingsError, FieldwiseError, ValueError) as error:
            faults.append(f"{package}: {error}")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
