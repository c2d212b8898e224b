"""What a fit was made of: enough to make it again."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Manifest:
    """The inputs of one fit; equal manifests give equal bytes.

    Attributes:
        recipe: The recipe as JSON values.
        seed: Seed of the fit.
        trained_as_of: The last row that the fit could see.
        series: What it was fitted on, as `binance/BTCUSDT/1d`; of a pool the one that is forecast is the first.
        snapshots: sha256 of every snapshot used, in the order of `series`.
        vintage: `known` or `latest`.
        code: Version of coincast, with the git commit where there is one.
        packages: Version of each package that the numbers depend on.
        arithmetic: What else the bits depend on: instruction sets, threads, BLAS (docs/registry.md); empty in manifests
            that were written before it was recorded.
        filled_from: Source → ISO days that it gave because the first source lacks them, up to `trained_as_of`.
        read: Other series → sha256 of the snapshots that a pooled fit forecast a later day from.
    """

    recipe: dict[str, Any]
    seed: int
    trained_as_of: date
    series: tuple[str, ...]
    snapshots: tuple[str, ...]
    vintage: str
    code: str
    packages: dict[str, str]
    arithmetic: dict[str, str] = field(default_factory=dict)
    filled_from: dict[str, list[str]] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, dates as ISO; the last three fields only where they say something."""
        values = asdict(self)
        # The id of an older manifest stays what it was.
        for name in ("arithmetic", "filled_from", "read"):
            if not values[name]:
                del values[name]
        return json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)

    @cached_property
    def id(self) -> str:
        """sha256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that `as_json` wrote."""
        values = json.loads(text)
        return cls(
            **{
                **values,
                "trained_as_of": date.fromisoformat(values["trained_as_of"]),
                "series": tuple(values["series"]),
                "snapshots": tuple(values["snapshots"]),
            }
        )
