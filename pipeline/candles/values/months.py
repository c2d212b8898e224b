"""Names of months in the languages in which spreadsheets and sites write them."""

from functools import lru_cache
from typing import Final

from pipeline.candles.text.names import without_accents

# English, German, French, Spanish, Italian, Portuguese, Dutch, Polish (as counted), Swedish, Danish, Czech, Hungarian,
# Romanian, Turkish, Greek, Ukrainian, Russian (as counted and alone). Any beginning of three letters or more that fits
# one month only is read.
_NAMES: Final = (
    "january januar janvier enero gennaio janeiro januari stycznia ledna ianuarie ocak ιανουαριου січня "
    "января январь",
    "february februar fevrier febrero febbraio fevereiro februari lutego unora subat φεβρουαριου лютого "
    "февраля февраль",
    "march marz mrz mars marzo marco maart mrt marca mart marts brezna martie μαρτιου березня марта март",
    "april avril abril aprile kwietnia dubna aprilie nisan απριλιου квітня апреля апрель",
    "may mai mayo maggio maio mei maja maj kvetna mayis μαιου травня мая май",
    "june juni juin junio giugno junho czerwca cervna iunie haziran ιουνιου червня июня июнь",
    "july juli juillet julio luglio julho lipca cervence iulie temmuz ιουλιου липня июля июль",
    "august aout agosto augustus sierpnia srpna augusti αυγουστου серпня agustos августа август",
    "september septembre septiembre setiembre settembre setembro wrzesnia zari szeptember septembrie "
    "eylul σεπτεμβριου вересня сентября сентябрь",
    "october oktober octobre octubre ottobre outubro pazdziernika rijna octombrie ekim οκτωβριου жовтня "
    "октября октябрь",
    "november novembre noviembre novembro listopada listopadu noiembrie kasim νοεμβριου листопада ноября "
    "ноябрь",
    "december dezember decembre diciembre dicembre dezembro grudnia prosince desember decembrie aralik "
    "δεκεμβριου грудня декабря декабрь",
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
