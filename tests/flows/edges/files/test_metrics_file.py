import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.edges.files.metrics_file import Figure, write_metrics


def test_figures_come_back_with_their_labels_and_everybody_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "coincast.prom"
    given = [
        Figure("stage_seconds", "Time.", {"series": 'a"b\\c/1d', "stage": stage}, seconds)
        for stage, seconds in (("train", 0.1), ("publish", 2.5))
    ]
    write_metrics(given[:1], path)
    write_metrics(given, path)
    (family,) = text_string_to_metric_families(path.read_text())
    assert (family.name, family.type, family.documentation) == ("coincast_stage_seconds", "gauge", "Time.")
    assert [(one.labels, one.value) for one in family.samples] == [(one.labels, one.value) for one in given]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_last_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "coincast.prom"
    write_metrics([Figure("alarm", "Stands.", {"kind": "skill"}, 1.0)], path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_metrics([Figure("alarm", "Stands.", {"kind": "skill"}, 0.0)], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
