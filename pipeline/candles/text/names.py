"""Names of columns as exchanges, sites and spreadsheets write them, in the languages that they are exported in.

Those in English come first: of two columns for one role the one whose name stands farther left here is read.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, TRADES, VOLUME_BASE, VOLUME_QUOTE

UNIX: Final = "unix"
CLOCK: Final = "clock"
SYMBOL: Final = "symbol"
VOLUME: Final = "volume"

# German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Russian; Japanese, Chinese, Korean.
_NAMES: Final = {
    UNIX: "unix unixtimestamp unixtime epoch opentime timeopen windowstart timestamp",
    DATE: "date datetime day dateutc datetimeutc utcdate start starttime startdate timeperiodstart snappedat dates "
    "exchangedate observationdate datum fecha data tarih дата 日付け 日付 日期 날짜 일자",
    CLOCK: "time timeutc hour uhrzeit heure hora",
    SYMBOL: "symbol pair ticker",
    OPEN: "open openprice openingprice priceopen pxopen eroffnung eroffnungskurs eroffn erster ouverture ouv apertura "
    "abertura oppen otwarcie acilis открытие откр 始値 开盘 开盘价 시가",
    HIGH: "high highprice pricehigh pxhigh hoch hochst hochstkurs tageshoch plushaut haut maximo massimo maxima hoog "
    "hogst najwyzszy max yuksek максимум макс 高値 高 最高 最高价 고가",
    LOW: "low lowprice pricelow pxlow tief tiefst tiefstkurs tagestief plusbas bas minimo minima laag lagst najnizszy "
    "min dusuk минимум мин 安値 低 最低 最低价 저가",
    CLOSE: "close closeprice closelast closingprice priceclose tradeprice price last adjclose pxlast schluss "
    "schlusskurs zuletzt cloture "
    "dernier cierre ultimo chiusura fechamento slot laatste senast zamkniecie ostatnio kapanis simdi закрытие цена "
    "終値 收盘 收盘价 종가",
    VOLUME: "volume vol volumen wolumen wol hac hacim объем 出来高 交易量 成交量 거래량",
    VOLUME_BASE: "volumebase volumefrom basevolume volumetraded stucke stuecke",
    VOLUME_QUOTE: "volumequote volumeto quotevolume quoteassetvolume volumecurrency totalvolume",
    TRADES: "trades tradecount numberoftrades tradescount tradesdone transactions count",
}


def without_accents(text: str) -> str:
    """Small letters without accents, as `fevrier` for `Février` and `acilis` for `Açılış`."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.lower().replace("ı", "i").replace("ł", "l"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@lru_cache(maxsize=4096)
def plain_name(cell: str) -> str:
    """A header cell in small letters and digits only, without accents."""
    return re.sub(r"[\W_]", "", without_accents(cell))


ROLE_OF: Final = {
    plain_name(name): (role, rank)
    for role, names in _NAMES.items()
    for rank, name in enumerate(names.split())
}
