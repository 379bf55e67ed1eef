"""Hostile symbols: as names of directories and as keys of groups, through every reader."""

import unicodedata

import pyarrow as pa

from .case import Folder

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
DEFAULT = "__HIVE_DEFAULT_PARTITION__"

# What a market may send as a symbol. None is null.
SYMBOLS = [
    "IBM", "BRK.B", "../../x", "..", ".", "../", "/etc/passwd", "a/b", "a\\b", "", None, DEFAULT,
    " ", " IBM", "IBM ", "a\nb", "a\r\nb", "a\tb", "a\0b", "\x1b[31m", "\x7f", "%2F", "%", "%%",
    "%zz", "a=b", "=", "date=2026-01-05", "'", '"', '""', "`", "a,b", ";", "*", "?", "[a]", "{a}",
    "$HOME", "~", "#", ":", "|", "<", ">", "&", "!", "CON", "nul.txt", "-", "--", "-rf", ".hidden",
    "_hidden", "NaN", "null", "NULL", "None", "true", "0", "01", "1.0", "1e5", "+1", "2026-01-05",
    "\u00a0", "\u200b", "\u202e", "\ufeff", NFC, NFD, "ß", "ẞ", "İ", "日本", "😀", "\U0010ffff",
    "x" * 200, "é" * 100,
]
# Longer than the name of a directory may be, but a fine key of a group.
LONG = ["x" * 300, "é" * 150, "%" * 100]


def run(folder, symbols, partitioned):
    """A job over one row a symbol, that writes them as directories or as a column."""
    log(folder, symbols)
    queries = [{
        "name": "rows", "groupBy": ["symbol"], "outputMode": "complete",
        "select": ["symbol", "count(*) AS n", "max(price) AS price"],
        "sinks": [{"format": "table", "path": "lake/groups"}]}]
    if partitioned:
        queries.append({
            "name": "directories", "select": ["symbol", "price"],
            "sinks": [{"format": "parquet", "path": "lake/directories",
                       "partitionBy": ["symbol"]}]})
    folder.job({"name": "symbols", "source": {"path": "log/symbols"},
                "trigger": {"availableNow": True}, "queries": queries})
    return folder.run("run", "job.json", check=None)


def log(folder, symbols):
    """Through Arrow, which can hold them all."""
    batch = pa.record_batch({
        "symbol": pa.array(symbols, pa.string()),
        "event_time": pa.array(range(len(symbols)), pa.timestamp("us", "UTC")),
        "price": pa.array(map(float, range(len(symbols))), pa.float64())})
    with pa.OSFile(str(folder.path / "symbols.arrows"), "wb") as file, \
            pa.ipc.new_stream(file, batch.schema) as stream:
        stream.write_batch(batch)
    folder.run("log", "append", "log/symbols", "symbols.arrows", "--again")


def read_streamer(folder, table):
    shown = folder.run(
        "lake", "show", table, "--format", "arrow", "--limit", "all",
        "--columns", "symbol,price").stdout
    rows = pa.ipc.open_stream(shown).read_all()
    return dict(zip(rows["price"].to_pylist(), rows["symbol"].to_pylist()))


def read_pyarrow(folder, table):
    import pyarrow.dataset as ds
    partitioning = ds.partitioning(pa.schema([("symbol", pa.string())]), flavor="hive") \
        if table == "directories" else None
    rows = ds.dataset(folder.path / "lake" / table, format="parquet", partitioning=partitioning) \
        .to_table(["symbol", "price"])
    return dict(zip(rows["price"].to_pylist(), rows["symbol"].to_pylist()))


def read_duckdb(folder, table):
    hive = "hive_partitioning = true, hive_types = {'symbol': VARCHAR}" \
        if table == "directories" else "hive_partitioning = false"
    rows = folder.query(
        f"SELECT price, symbol FROM read_parquet('{{lake}}/{table}/**/*.parquet', "
        + hive.replace("{", "{{").replace("}", "}}") + ")")
    return dict(rows)


def read_polars(folder, table):
    import polars as pl
    options = {"hive_partitioning": True, "hive_schema": {"symbol": pl.String}} \
        if table == "directories" else {}
    rows = pl.scan_parquet(folder.path / "lake" / table, **options) \
        .select("price", "symbol").collect()
    return dict(zip(rows["price"].to_list(), rows["symbol"].to_list()))


READERS = {
    "`streamer lake show`": read_streamer, "pyarrow": read_pyarrow, "DuckDB": read_duckdb,
    "Polars": read_polars}


def expected(symbol, table):
    """What a reader gives back: as a directory, null and empty are one, as in Hive."""
    if table == "directories" and symbol in ("", DEFAULT):
        return None
    return symbol


def wrong(folder, table, reader, symbols):
    """The symbols that come back as something else, with that."""
    found = reader(folder, table)
    assert len(found) == len(symbols), f"{len(found)} of {len(symbols)} rows"
    return [(symbol, found[float(index)]) for index, symbol in enumerate(symbols)
            if found[float(index)] != expected(symbol, table)]


class Market:
    """A folder in which the job over all symbols has run."""

    def __init__(self, path):
        path.mkdir()
        self.folder = Folder(path)
        done = run(self.folder, SYMBOLS, partitioned=True)
        assert done.returncode == 0, done.err


def strays(market):
    """What lies where the job's own paths do not lead, links followed."""
    root = market.folder.path.resolve()
    own = [root / name for name in (
        "lake/groups", "lake/directories", "log/symbols", "checkpoints/symbols")]
    found = []
    for path in root.parent.rglob("*"):
        real = path.resolve()
        if path.is_file() and not any(real.is_relative_to(place) for place in own) \
                and path.name not in ("job.json", "symbols.arrows"):
            found.append(path)
        if path.is_dir() and path.parent == root / "lake/directories":
            assert path.name.startswith("symbol="), path
    return found


SECTION = """
## Symbols

{count} symbols, as keys of groups and as directories (`partitionBy`), read back by {readers}.
As a key each comes back as it was. As a directory each does, too, but for the empty string and the text `{default}`,
which are null there, as in Hive and Spark. None leaves the table's directory. A symbol whose directory would have a
name of more than 255 bytes stops the batch with an error that names it; as a key it may have any length.

| symbol | directory | comes back as |
| --- | --- | --- |
"""


def page_section(market):
    """How symbols come back, for the page."""
    lines = [SECTION.format(count=len(SYMBOLS), readers=", ".join(READERS), default=DEFAULT)]
    found = [reader(market.folder, "directories") for reader in READERS.values()]
    for index, symbol in enumerate(SYMBOLS):
        name = next(path.parent.name for path in paths(market.folder, symbol))
        shown = ascii(symbol) if symbol is not None else "null"
        if len(shown) > 40:
            shown, name = shown[:37] + "…", name[:37] + "…"
        back = {ascii(rows[float(index)]) for rows in found}
        same = back == {ascii(symbol)}
        lines.append(f"| {code(shown)} | {code(printable(name))} | "
                     f"{'itself' if same else ', '.join(code(text.replace('None', 'null')) for text in sorted(back))} |\n")
    return "".join(lines)


def code(text):
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def printable(name):
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def paths(folder, symbol):
    """The files of a symbol's directory, found by their content."""
    import pyarrow.parquet as pq
    index = float(SYMBOLS.index(symbol))
    for path in sorted((folder.path / "lake" / "directories").rglob("*.parquet")):
        if index in pq.read_table(path)["price"].to_pylist():
            yield path
