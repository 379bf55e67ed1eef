/// Keys that readers of text in other programs have, with what says the same here.
public enum ForeignKeys {
    /// Of a feed or a source of text.
    public static let ofText = ofColumns.merging(
        [
            "timestampformat": "Each column of times has its own \"timestampFormat\".",
            "timezone": "Each column of times has its own \"timeZone\".",
            "decimalmark": "Each column of numbers has its own \"decimalMark\".",
            "groupmark": "Each column of numbers has its own \"groupMark\".",
            "sep": "\"delimiter\" is the character between fields.",
            "separator": "\"delimiter\" is the character between fields.",
            "inferschema": "Columns are declared in \"columns\" or \"fields\": none is guessed.",
            "schema": "Columns are declared in \"columns\" of csv, \"fields\" of json.",
            "nullvalue": "\"nullText\" is the text that means null.",
            "emptyvalue": "A field in quotes is never null: \"\" is the empty string.",
            "encoding": "Files are UTF-8; others are converted first, as iconv does.",
            "charset": "Files are UTF-8; others are converted first, as iconv does.",
            "compression": "Compression is told from a file's first bytes.",
            "multiline": "A JSON object stands in one line; jq -c makes such lines. A CSV field in "
                + "quotes may have line ends in a feed.",
            "columnnameofcorruptrecord":
                "A feed's records that do not parse go to its \"rejects\" table.",
            "comment":
                "There are no comments in the files; leave such lines out first, as grep does.",
            "maxfileage": "No file is ever too old to be read.",
            "latestfirst": "Files come in the order of their times of change.",
            "cleansource": "Files that were read stay where they are.",
        ]) { _, new in new }

    /// Of a column of text.
    static let ofColumns: [String: String] = [
        "locale":
            "What a locale says stands in each column: \"decimalMark\" and \"groupMark\" of a "
            + "number, \"timestampFormat\" and \"timeZone\" of a time.",
        "dateformat": "\"timestampFormat\" of a column says how its dates and times are written.",
        "pattern": "\"timestampFormat\" of a column says how its dates and times are written.",
        "decimal": "\"decimalMark\" of a column is what stands before the decimals.",
        "thousands": "\"groupMark\" of a column is what stands between groups of three digits.",
        "tz": "\"timeZone\" of a column is the zone of its times.",
    ]
}
