/// Why a parser came back before the rows were all read.
public enum ParseStop {
    /// The rest of the window is no whole record.
    case needsData
    /// The batch has all the rows it may have.
    case batchIsFull
    /// The record at the window's start does not parse: its length in bytes and lines, and how
    /// much of it is text worth keeping.
    case rejected(reason: String, consumed: Int, lines: Int64, textBytes: Int)
    /// The record at the window's start is too long for memory: drop it up to the next newline.
    case tooLong
}

/// How far a batch has come; what bounds it.
public struct ParseProgress {
    /// Rows taken.
    public var rows = 0
    /// The most rows of the batch.
    public let rowsMax: Int
    /// Bytes of records taken into the batch: bounds the memory of strings.
    public var bytes = 0
    /// The batch takes no more records once it has more bytes than this.
    public let bytesMax: Int
    /// The line at the window's start, counting from 1.
    public var line: Int64

    /// Nothing taken yet.
    public init(rowsMax: Int, bytesMax: Int = 64 << 20, line: Int64) {
        self.rowsMax = rowsMax
        self.bytesMax = bytesMax
        self.line = line
    }
}

/// What makes records out of bytes, and columns out of records.
public protocol RecordParser: AnyObject {
    /// Prepares for a stream that was just opened, and reads what comes before its first record;
    /// the window is behind the byte order mark.
    /// - Returns: the number of lines read.
    func begin(_ window: InputWindow, input: InputFile, columns: ColumnSet) throws -> Int64

    /// What the columns found in all streams so far.
    var fieldUse: FieldUse { get }

    /// Takes records from the window into columns until something stops it.
    ///
    /// What it does depends on the bytes alone, never on how many of them are in the window.
    func parse(
        _ window: InputWindow, into columns: ColumnSet, _ progress: inout ParseProgress
    ) -> ParseStop
}
