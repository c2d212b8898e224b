"""Settings of a recipe that may be varied, and the recipe that a choice of them makes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise, product
from typing import Final

from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.recipes.point import CLIPS, Dropout, Fitting, Layer, PointRecipe, Recurrent

Settings = Mapping[str, str]
MOST_LAYERS: Final = 12
_NONE: Final = "none"
Change = Callable[[PointRecipe, str], PointRecipe]


def parse_vary(texts: Sequence[str], known: Collection[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Settings and their values from texts like `window=3,7,14`.

    Args:
        texts: One for each setting.
        known: Which settings there are; None for those of a point recipe.

    Raises:
        InputError: Not of that form, an unknown setting, one named twice, or values of both clips.

    Example:
        >>> parse_vary(["window=3,7", "optimizer=adam,sgd"])
        {'window': ('3', '7'), 'optimizer': ('adam', 'sgd')}
    """
    vary: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        values = tuple(dict.fromkeys(part.strip() for part in listed.split(",") if part.strip()))
        name = name.strip().replace("-", "_")
        _require_known(name, values, SETTINGS if known is None else known)
        if name in vary:
            raise InputError(f"--vary names {name} twice; list all its values once.")
        vary[name] = values
    _refuse_two_clips(vary)
    return vary


def _require_known(name: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuse what is no setting with values; a text with `=` in it is not repeated whole, for it may be an address."""
    if name in known and values:
        return
    near = get_close_matches(name, known, n=1)
    fault = f"{name[:40]!r} has no value" if name in known else f"there is no setting {name[:40]!r}"
    raise InputError(
        f"--vary takes SETTING=VALUE,VALUE, as in {next(iter(known))}=3,7,14, with a setting of {', '.join(known)}; "
        f"{fault}{f', did you mean {near[0]!r}?' if near and name not in known else '.'}"
    )


def variation(recipe: PointRecipe, settings: Settings) -> PointRecipe:
    """The recipe with settings applied in their order; a clip replaces the recipe's other one.

    Raises:
        InputError: A value is not one that the setting can have, or both clips are set.
    """
    _refuse_two_clips({name: (value,) for name, value in settings.items()})
    for name, value in settings.items():
        try:
            recipe = SETTINGS[name](recipe, value)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise InputError(f"--vary {name}, value {value[:40]}: {fault}.") from error
        except ValueError:
            raise InputError(f"--vary {name}, value {value[:40]}: not a value of {name}.") from None
    return recipe


def grid(vary: Mapping[str, Sequence[str]]) -> tuple[Settings, ...]:
    """Every combination, the last setting changing fastest."""
    return tuple(dict(zip(vary, values, strict=True)) for values in product(*vary.values()))


def _fitting(name: str) -> Change:
    def change(recipe: PointRecipe, value: str) -> PointRecipe:
        return recipe.varied(fitting={name: None if value == _NONE else value})

    return change


def _refuse_two_clips(vary: Mapping[str, Sequence[str]]) -> None:
    clips = {clip: value for clip in CLIPS for value in vary.get(clip, ()) if value != _NONE}
    if len(clips) == len(CLIPS):
        both = " and ".join(f"{clip}={value[:20]}" for clip, value in clips.items())
        raise InputError(
            f"--vary would set {both} in one fit, which takes one clip; vary them in two sweeps."
        )


def _field(name: str) -> Change:
    return lambda recipe, value: recipe.varied(**{name: value})


def _layers(recipe: PointRecipe, value: str) -> PointRecipe:
    """`2`: two recurrent layers; `64x32`: these widths. Each keeps what follows it, dropout above all."""
    blocks, tail = _blocks(recipe)
    widths = [block[0].units for block in blocks if isinstance(block[0], Recurrent)]
    if "x" in value:
        widths = [int(part) for part in value.split("x")]
    elif not 1 <= int(value) <= MOST_LAYERS:
        raise InputError(
            f"--vary layers takes 1 to {MOST_LAYERS} layers, or widths as in 64x32; got {value[:20]}."
        )
    else:
        widths = (widths + [widths[-1]] * int(value))[: int(value)]
    patterns = [blocks[min(place, len(blocks) - 1)] for place in range(len(widths))]
    stack = [
        layer.model_copy(update={"units": width}) if isinstance(layer, Recurrent) else layer
        for pattern, width in zip(patterns, widths, strict=True)
        for layer in pattern
    ]
    return recipe.varied(layers=[layer.model_dump() for layer in (*stack, *tail)])


def _each_layer(kind: type, field: str) -> Change:
    def change(recipe: PointRecipe, value: str) -> PointRecipe:
        if not any(isinstance(layer, kind) for layer in recipe.layers):
            raise InputError(f"{recipe.name} has no layer whose {field} could vary.")
        layers = [
            layer.model_dump() | ({field: value} if isinstance(layer, kind) else {})
            for layer in recipe.layers
        ]
        return recipe.varied(layers=layers)

    return change


def _blocks(recipe: PointRecipe) -> tuple[list[list[Layer]], list[Layer]]:
    """Each recurrent layer with the dropout after it, and what follows the last of them."""
    places = [place for place, layer in enumerate(recipe.layers) if isinstance(layer, Recurrent)]
    if not places:
        raise InputError(f"{recipe.name} has no recurrent layers to vary.")
    end = places[-1] + 1
    while isinstance(recipe.layers[end], Dropout):
        end += 1
    bounds = [*places, end]
    return [list(recipe.layers[a:b]) for a, b in pairwise(bounds)], list(recipe.layers[end:])


SETTINGS: Final[Mapping[str, Change]] = {
    "window": _field("window"),
    "target": _field("target"),
    "scaler": _field("scaler"),
    "layers": _layers,
    "units": _each_layer(Recurrent, "units"),
    "cell": _each_layer(Recurrent, "kind"),
    "dropout": _each_layer(Dropout, "rate"),
    **{name: _fitting(name) for name in Fitting.model_fields if name != "validation"},
}
