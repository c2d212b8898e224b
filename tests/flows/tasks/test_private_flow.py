"""Parameters that are not what they should be; real runs are in tests/flows/test_credentials_stay.py."""

import pytest

from flows.tasks.private_flow import _refuse_recorded, public_parameters
from pipeline.errors import InputError

MISPLACED = "https://mia:pw-of-mia@host/x"


def test_an_address_in_the_place_of_a_settings_name_is_recorded_in_its_public_form() -> None:
    recorded = public_parameters({"overrides": {MISPLACED: 1, "recipe": "tiny-range"}, "first": "2026-03-01"})
    assert recorded == {"overrides": {"https://host/x": 1, "recipe": "tiny-range"}, "first": "2026-03-01"}


def test_a_run_that_was_created_so_is_refused_without_its_words() -> None:
    with pytest.raises(InputError, match="'overrides' holds a credential") as refused:
        _refuse_recorded({"overrides": {MISPLACED: 1}})
    assert "pw-of-mia" not in str(refused.value)
