"""Who is champion: the aliases `champion`, `challenger` and `previous` of a registered model.

MLflow's aliases have no compare-and-swap: they move under the deployment's turn, after a second look. Tags are
written before aliases move, so that a process killed between the two leaves one champion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.store import refusals
from pipeline.errors import RegistryError

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
PREVIOUS: Final = "previous"
# Tags of a version: the champion that it came after, and that it was taken back.
FOLLOWS: Final = "follows"
ROLLED_BACK: Final = "rolled_back"
# Tag of the registered model: the version that a rollback made champion, until a person promotes one.
HELD: Final = "held"


@dataclass(frozen=True)
class Move:
    """The aliases after a promotion or a rollback, and whether they moved."""

    moved: bool
    champion: int | None
    previous: int | None


def challenge(model: RegisteredModel, version: int) -> None:
    """Point `challenger` at a version that the gate is about to judge."""
    with refusals(f"a challenger for {model.name}"), model.lock(model.name):
        model.client.set_registered_model_alias(model.name, CHALLENGER, str(version))


def promote(model: RegisteredModel, version: int) -> Move:
    """Make a version champion, whoever is; the former one becomes `previous`. What a rollback held is held no more.

    Raises:
        RegistryError: There is no such version.
    """
    with refusals(f"to promote version {version} of {model.name}"), model.lock(model.name):
        model.client.get_model_version(model.name, str(version))
        if _held(model):
            model.client.delete_registered_model_tag(model.name, HELD)
        return _crown(model, version, model.aliases())


def promote_over(model: RegisteredModel, version: int, *, champion: int | None) -> Move:
    """Make a version champion if the champion still is the one that it was judged against (None for none).

    Where another run was faster nothing moves: its version was judged against that champion, ours was not
    judged against its version. Nor does it move past a champion that a rollback put back.

    Raises:
        RegistryError: There is no such version.
    """
    with refusals(f"to promote version {version} of {model.name}"), model.lock(model.name):
        aliases = model.aliases()
        if aliases.get(CHAMPION) != champion or _held(model):
            return Move(False, aliases.get(CHAMPION), aliases.get(PREVIOUS))
        return _crown(model, version, aliases)


def rollback(model: RegisteredModel) -> Move:
    """Make `previous` champion again and hold it; `previous` is then the champion that this one had come after.

    Raises:
        RegistryError: There is no previous champion.
    """
    with refusals(f"to roll {model.name} back"), model.lock(model.name):
        aliases = model.aliases()
        if PREVIOUS not in aliases:
            raise RegistryError(
                f"{model.name} has no previous champion; `coincast models list` shows what there is."
            )
        fallen, champion = aliases.get(CHAMPION), aliases[PREVIOUS]
        if fallen is not None:
            model.client.set_model_version_tag(model.name, str(fallen), ROLLED_BACK, "true")
        before = _predecessor(model, champion)
        model.client.set_registered_model_tag(model.name, HELD, str(champion))
        model.client.set_registered_model_alias(model.name, CHAMPION, str(champion))
        if before is None:
            model.client.delete_registered_model_alias(model.name, PREVIOUS)
        else:
            model.client.set_registered_model_alias(model.name, PREVIOUS, str(before))
        return Move(True, champion, before)


def is_held(model: RegisteredModel) -> bool:
    """Whether a rollback put the champion back, and nobody promoted since."""
    with refusals(f"to read {model.name}"):
        return _held(model)


def _held(model: RegisteredModel) -> bool:
    return bool(model.aliases()) and HELD in model.client.get_registered_model(model.name).tags


def _crown(model: RegisteredModel, version: int, aliases: Mapping[str, int]) -> Move:
    client, champion = model.client, aliases.get(CHAMPION)
    taken_back = ROLLED_BACK in client.get_model_version(model.name, str(version)).tags
    if champion == version:
        return Move(False, version, aliases.get(PREVIOUS))
    if taken_back:
        client.delete_model_version_tag(model.name, str(version), ROLLED_BACK)
    if champion is not None:
        client.set_model_version_tag(model.name, str(version), FOLLOWS, str(champion))
        client.set_registered_model_alias(model.name, PREVIOUS, str(champion))
    client.set_registered_model_alias(model.name, CHAMPION, str(version))
    if aliases.get(CHALLENGER) == version:
        client.delete_registered_model_alias(model.name, CHALLENGER)
    return Move(True, version, champion)


def _predecessor(model: RegisteredModel, version: int) -> int | None:
    """The champion before `version`, where it still is there."""
    followed = model.client.get_model_version(model.name, str(version)).tags.get(FOLLOWS)
    there = {one.version for one in model.versions()}
    return int(followed) if followed is not None and int(followed) in there else None
