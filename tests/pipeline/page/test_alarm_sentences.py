"""A reader is told what is wrong, and nothing to run."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.monitoring.alarms import KINDS, Alarm
from pipeline.page.alarm_sentences import alarm_sentences
from pipeline.page.content import SeriesContent
from pipeline.page.site import full_page, site_files


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_sentence_of_its_own(kind: str, late: Alarm) -> None:
    (sentence,) = alarm_sentences([replace(late, kind=kind)])
    others = alarm_sentences([replace(late, kind=other) for other in KINDS if other != kind])
    assert sentence not in others
    assert "28 March 2026" in sentence
    assert sentence.endswith(".")
    assert not re.search(r"`|coincast|[0-9a-f]{6}", sentence)


@pytest.mark.slow
def test_page_and_index_have_the_readers_words_and_digests_are_folded_away(
    make_content: Callable[..., SeriesContent], late: Alarm
) -> None:
    content = make_content(live=0, alarms=(late,))
    health = replace(content.health, source="http://127.0.0.1:8000/cdd and kraken")
    files = site_files([full_page(replace(content, health=health))])
    for name in ("index.html", "binance-btcusdt-1d.html"):
        text = files[name].decode()
        assert alarm_sentences([late])[0] in text
        assert "coincast doctor" not in text
        assert "127.0.0.1" not in text
        open_text = re.sub(r"<details>.*?</details>", "", text.partition("<body>")[2], flags=re.DOTALL)
        assert not re.search(r"\b[0-9a-f]{32,}\b", open_text)
    page = files["binance-btcusdt-1d.html"].decode()
    for digest in (content.health.snapshot, content.issue.run_id, content.issue.manifest_id):
        assert digest in page
    assert late.message in files["latest.json"].decode()
