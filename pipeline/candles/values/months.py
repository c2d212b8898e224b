"""Names of months in the languages in which spreadsheets and sites write them."""

from functools import lru_cache
from typing import Final

from pipeline.candles.text.names import without_accents

# English, German, French, Spanish, Italian, Portuguese, Dutch, Polish (as counted), Swedish, Turkish, Russian (as
# counted and alone). Any beginning of three letters or more that fits one month only is read.
_NAMES: Final = (
    "january januar janvier enero gennaio janeiro januari stycznia ocak января январь",
    "february februar fevrier febrero febbraio fevereiro februari lutego subat февраля февраль",
    "march marz mrz mars marzo marco maart mrt marca mart марта март",
    "april avril abril aprile kwietnia nisan апреля апрель",
    "may mai mayo maggio maio mei maja maj mayis мая май",
    "june juni juin junio giugno junho czerwca haziran июня июнь",
    "july juli juillet julio luglio julho lipca temmuz июля июль",
    "august aout agosto augustus sierpnia augusti agustos августа август",
    "september septembre septiembre setiembre settembre setembro wrzesnia eylul сентября сентябрь",
    "october oktober octobre octubre ottobre outubro pazdziernika ekim октября октябрь",
    "november novembre noviembre novembro listopada kasim ноября ноябрь",
    "december dezember decembre diciembre dicembre dezembro grudnia aralik декабря декабрь",
)
_FEWEST: Final = 3


@lru_cache(maxsize=1000)
def month_of(name: str) -> int:
    """The month, 1 to 12, that a name or the beginning of one tells.

    Raises:
        ValueError: It fits no month, or several.

    Example:
        >>> month_of("märz"), month_of("Okt"), month_of("févr"), month_of("мая")
        (3, 10, 2, 5)
    """
    plain = without_accents(name)
    fitting = [
        month
        for month, names in enumerate(_NAMES, start=1)
        if len(plain) >= _FEWEST and f" {plain}" in f" {without_accents(names)}"
    ]
    if len(fitting) != 1:
        raise ValueError(f"{name[:20]!r} is no month")
    return fitting[0]
