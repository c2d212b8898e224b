"""Figures in Prometheus' text form, in a file that node-exporter's textfile collector reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.edges.files.staging import put_in_place, staged_file
from flows.edges.private_files import PUBLIC_FILE


@dataclass(frozen=True)
class Figure:
    """One sample of a gauge.

    Attributes:
        name: After `coincast_`; it ends in its unit.
        meaning: One sentence, the same for all samples of the name.
        labels: The same names for all samples of the name.
        value: In the unit.
    """

    name: str
    meaning: str
    labels: Mapping[str, str]
    value: float


def write_metrics(figures: Iterable[Figure], path: Path) -> None:
    """Put them in the place of the last ones, all at once; everybody may read them.

    Raises:
        OSError: The file system refused; what was there is still there.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry, gauges = CollectorRegistry(), dict[str, Gauge]()
    for one in figures:
        if one.name not in gauges:
            gauges[one.name] = Gauge(
                f"coincast_{one.name}", one.meaning, tuple(one.labels), registry=registry
            )
        gauges[one.name].labels(**one.labels).set(one.value)
    # The collector reads `*.prom` only: not what is half written.
    with staged_file(path.parent) as file:
        file.write(generate_latest(registry))
        Path(file.name).chmod(PUBLIC_FILE)
        put_in_place(file, path)
