"""Command lines with mistakes."""

from .case import Case, Group


def wrong(what, says, *words, **options):
    return Case(what, says, options.pop("exit", 2), arguments=words, **options)


def arrow_file(folder):
    import pyarrow as pa
    table = pa.table({"t": pa.array([0], pa.timestamp("us", "UTC"))})
    with pa.ipc.new_stream(folder.path / "a.arrows", table.schema) as out:
        out.write_table(table)


VERBS = Group(
    "Verbs and their arguments", "", [
        wrong("no verb", ("streamer run", )),
        wrong("an unknown verb", ("'rnu'", "did you mean 'run'?"), "rnu", "job.json"),
        wrong("nothing like a verb", ("'frobnicate'", "run, replay"), "frobnicate"),
        wrong("an unknown second word", ("'shwo'", "did you mean 'lake show'?"), "lake", "shwo"),
        wrong("half a verb", ("append, cat, ls", ), "log"),
        wrong("help on an unknown verb", ("'rnu'", "did you mean 'run'?"), "help", "rnu"),
        wrong("an option before the verb", ("--once", "verb"), "--once", "run", "job.json"),
        wrong("an argument is missing", ("JOB is missing", "streamer run JOB"), "run"),
        wrong("an argument too many", ("'other.json'", "one word too many"),
              "explain", "job.json", "other.json"),
        wrong("an empty argument", ("job file", "path is empty"), "run", ""),
        wrong("an argument with a control character", (r"\u{1b}", ), "run", "\x1b[31m.json"),
        wrong("a very long argument", ("job file", "longer than 255 bytes"), "run", "x" * 5000),
    ])

OPTIONS = Group(
    "Options", "", [
        wrong("an unknown option", ("'--onec'", "did you mean '--once'?"),
              "run", "job.json", "--onec"),
        wrong("nothing like an option", ("'-x'", ), "run", "job.json", "-x"),
        wrong("an option of another verb", ("'--yes'", ), "run", "job.json", "--yes"),
        wrong("an option twice", ("--threads", "twice"),
              "run", "job.json", "--threads", "1", "--threads", "2"),
        wrong("a value is missing", ("--threads", "needs a value"), "run", "job.json", "--threads"),
        wrong("an option where a value belongs", ("--threads", "needs a value before '--once'"),
              "run", "job.json", "--threads", "--once"),
        wrong("a value for an option that takes none", ("--once", "takes no value"),
              "run", "job.json", "--once=yes"),
        wrong("no number", ("--threads two", ), "run", "job.json", "--threads", "two"),
        wrong("a number too small", ("--threads 0", "1"), "run", "job.json", "--threads", "0"),
        wrong("a number beyond 64 bits", ("--max-batches 99", ),
              "run", "job.json", "--max-batches", "99999999999999999999"),
        wrong("none of the choices", ("--format tabel", "table"),
              "run", "job.json", "--format", "tabel"),
        wrong("options that exclude each other", ("--available-now", "--once"),
              "run", "job.json", "--available-now", "--once"),
        wrong("other options that exclude each other", ("--job", "--schema"), "log", "append",
              "log/x", "--job", "job.json", "--schema", "a int", "a.csv"),
        wrong("an option for text with files that have columns", ("--schema", "arrow", "leave it out"),
              "log", "append", "log/x", "a.arrows", "--schema", "t timestamp", prepare=arrow_file),
        wrong("a bad interval", ("--trigger", "1 second"), "run", "job.json", "--trigger", "soon"),
        wrong("a negative interval", ("--trigger", "1 second"),
              "run", "job.json", "--trigger", "-1s"),
        wrong("a bad time", ("--until", "2026-01-05"),
              "run", "job.json", "--until", "noon"),
    ])

NAMES = Group(
    "Names of logs, tables, columns, batches", "", [
        wrong("no such log", ("log/tikcs", "log/ticks"), "log", "cat", "log/tikcs"),
        wrong("no such table", ("candels", "candles"), "lake", "show", "candels"),
        wrong("no such column", ("'hgih'", "'high'"), "lake", "show", "candles",
              "--columns", "symbol,hgih"),
        wrong("no such column in a condition", ("'hgih'", "'high'"), "lake", "show", "candles",
              "--where", "hgih > 1"),
        wrong("no such column to order by", ("'hgih'", "'high'"), "lake", "show", "candles",
              "--order-by", "hgih"),
        wrong("no such column of a log", ("'pirce'", "'price'"), "log", "cat", "--columns", "pirce"),
        wrong("an offset that is none", ("--from", ), "log", "cat", "--from", "-5"),
        wrong("no such job or checkpoint", ("'candels'", "checkpoints/candles"),
              "checkpoint", "show", "candels"),
        wrong("no such query", ("'kpis'", "kpi"), "state", "show", "candles", "kpis"),
        wrong("no such batch", ("99", "3"), "state", "show", "candles", "kpi", "--batch", "99"),
        wrong("an end before the start", ("--to comes before --from", ), "log", "cat", "--from", "5",
              "--to", "3"),
        wrong("a replay that ends before it begins", ("--to comes before --from", ), "replay", "job.json",
              "--from", "2026-01-05T15:00:00Z", "--to", "2026-01-05T14:00:00Z"),
        wrong("a trim that is to do nothing", ("--max-bytes", "--max-age"), "log", "trim"),
        wrong("a trim to a size that is none", ("--max-bytes", ), "log", "trim", "--max-bytes", "-1"),
        wrong("a trim to an age that is none", ("--max-age", "30 days"), "log", "trim", "--max-age",
              "old"),
        wrong("a trim of no log", ("log/tikcs", "log/ticks"), "log", "trim", "log/tikcs", "--seal"),
        wrong("no such batch to replay", ("99", "3"), "replay", "--from-checkpoint", "--batch", "99"),
        wrong("`--verify` of nothing recorded", ("--from-checkpoint", ), "replay", "job.json",
              "--verify"),
        wrong("`clear` where nobody can be asked", ("--yes", ), "clear"),
        wrong("`log append` without columns", ("--schema", ), "log", "append", "log/new", "a.csv",
              prepare=lambda folder: folder.write("a.csv", "a,b\n1,2\n")),
        wrong("a bad type in `--schema`", ("duoble", "double"), "log", "append", "log/new",
              "--schema", "event_time timestamp, price duoble", "a.csv",
              prepare=lambda folder: folder.write("a.csv", "event_time,price\n")),
        wrong("no timestamp in `--schema`", ("timestamp", ), "log", "append", "log/new",
              "--schema", "price double", "a.csv",
              prepare=lambda folder: folder.write("a.csv", "price\n")),
        wrong("a feed file that is no feed", ("feed.json: ", "format", "csv"), "log", "append", "log/new",
              "--feed", "feed.json", prepare=lambda folder: folder.write("feed.json", "{}")),
        wrong("an Arrow file that is none", ("a.arrows", ), "log", "append", "log/new", "a.arrows",
              prepare=lambda folder: folder.write("a.arrows", b"\xff" * 64), exit=1),
        wrong("a Parquet file instead of Arrow", ("a.arrow", ), "log", "append", "log/new",
              "a.arrow", exit=1, prepare=lambda folder: folder.write(
                  "a.arrow", folder.find("lake/**/*.parquet").read_bytes())),
    ])

GROUPS = [VERBS, OPTIONS, NAMES]
