"""Parameters that are not what they should be; real runs are in tests/flows/test_credentials_stay.py."""

import traceback

import pytest

from flows.edges.credentials import full_address
from flows.tasks.private_flow import _refuse_recorded, public_parameters, telling_no_secrets
from pipeline.errors import InputError, SourceError

MISPLACED = "https://mia:pw-of-mia@host/x"


def test_an_address_in_the_place_of_a_settings_name_is_recorded_in_its_public_form() -> None:
    recorded = public_parameters({"overrides": {MISPLACED: 1, "recipe": "tiny-range"}, "first": "2026-03-01"})
    assert recorded == {"overrides": {"https://host/x": 1, "recipe": "tiny-range"}, "first": "2026-03-01"}


def test_a_run_that_was_created_so_is_refused_without_its_words() -> None:
    with pytest.raises(InputError, match="'overrides' holds a credential") as refused:
        _refuse_recorded({"overrides": {MISPLACED: 1}})
    assert "pw-of-mia" not in str(refused.value)


@pytest.mark.parametrize("beside", [True, False])
def test_what_an_error_was_raised_from_tells_no_credential_either(beside: bool) -> None:
    """A notebook shows the whole chain, and asks no hook of Python's."""
    opened = full_address("https://host/x?n=1-key-of-theirs")

    def refused() -> None:
        try:
            raise OSError(f"nobody home at {opened}")
        except OSError as error:
            lost = SourceError("host could not be reached")
            raise lost from (None if beside else error)

    with pytest.raises(SourceError, match="could not be reached") as failed:
        telling_no_secrets(refused)()
    failed.value.__suppress_context__ = False
    shown = "".join(traceback.format_exception(failed.value))
    assert "key-of-theirs" not in shown
    assert "in refused" in shown
