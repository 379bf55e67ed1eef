/// The dictionaries of a stream as of some message.
public struct ArrowDictionaries: Sendable {
    enum Entry: Sendable {
        /// Strings or bytes; the bitmap is set where an entry is not null, `nil` when none is.
        case strings(StringDictionary, Bitmap?)
        /// Values of another type.
        case values(Column)
    }

    var entries: [Int64: Entry] = [:]

    /// No dictionaries: the state at the start of a stream.
    public init() {}
}

/// Reads the batches of a stream or file after its schema.
///
/// Types are read as: int8, int16, int32, uint8, uint16 → `int`; int64, uint32 → `long`; uint64 →
/// `long` where every value fits; float16, float32, float64 → `double`; utf8, large utf8, utf8 view
/// → `string`; binary, large binary, binary view, fixed-size binary → `binary`; null → `string`;
/// date32, date64 → `date`; timestamp of any unit → `timestamp` (nanoseconds are rounded down to
/// microseconds; without time zone it is taken as UTC); time, duration → `long`, microseconds;
/// intervals of months → `int`, others → `string` in ISO 8601's form; decimals of 32 to 256 bits →
/// `decimal` up to 38 digits, `string` beyond; bool → `boolean`; a dictionary with any integer index
/// as its values. Values may also stand for runs of rows (run-end encoded). Nested columns are
/// refused by name.
///
/// Buffers that are not compressed, lie aligned in the source and have our width are not copied.
public struct ArrowBatchDecoder: Sendable {
    /// The schema as our types.
    public let schema: Schema
    /// The custom metadata of the schema.
    public let metadata: [ArrowMetadataEntry]
    /// How much memory a message may take.
    public let limits: ArrowReadLimits
    /// Why columns that the schema does not have cannot be read, in the stream's order.
    public let refused: [ArrowError]

    /// The columns that are read.
    let fields: [ArrowField]
    /// The place of each among all columns of the stream.
    private let columnIndices: [Int]
    /// What each column of the stream takes of a batch.
    private let extents: [ArrowExtent]

    /// A decoder for what follows a schema message.
    ///
    /// - Parameters:
    ///   - message: the message that starts a stream.
    ///   - limits: how much memory a message may take.
    ///   - leavingOut: whether columns that cannot be read are left out, or the stream is refused.
    /// - Throws: what is wrong with the schema, with the column's name.
    public init(
        schema message: ArrowMessage, limits: ArrowReadLimits = ArrowReadLimits(),
        leavingOutUnreadable leavingOut: Bool = false
    ) throws(ArrowError) {
        guard message.kind == .schema else {
            throw ArrowError(
                .malformed, "a stream starts with its schema", position: message.range.lowerBound)
        }
        try self.init(
            message.header, version: message.version, byteCount: message.range.count,
            position: message.range.lowerBound, metadata: message.schemaMetadata().map(\.entry),
            limits: limits, leavingOutUnreadable: leavingOut)
    }

    /// A decoder for a schema that lies in `byteCount` bytes at a position of the source.
    init(
        _ table: FlatBufferTable, version: Int16, byteCount: Int, position: Int,
        metadata: [ArrowMetadataEntry], limits: ArrowReadLimits,
        leavingOutUnreadable leavingOut: Bool
    ) throws(ArrowError) {
        guard try table.scalar(0, Int16(0)) == 0 else {
            throw ArrowError(
                .unsupported, "big-endian data is not read; write it little-endian",
                position: position)
        }
        var fields: [ArrowField] = []
        var columnIndices: [Int] = []
        var refused: [ArrowError] = []
        var extents: [ArrowExtent] = []
        var names: Set<[UInt8]> = []
        var nameBytesLeft = byteCount
        // A field takes more bytes than that.
        var fieldsLeft = byteCount / 8
        for (index, column) in try table.tables(1).enumerated() {
            let name = try column.string(0, budget: &nameBytesLeft) ?? ""
            do throws(ArrowError) {
                let field = try ArrowField(column, name: name, version: version)
                guard names.insert(Array(name.utf8)).inserted else {
                    throw ArrowError(
                        .unsupported, "two columns have this name; rename one", column: name)
                }
                fields.append(field)
                columnIndices.append(index)
            } catch {
                guard leavingOut, error.code == .unsupported else { throw error }
                refused.append(error)
            }
            do throws(ArrowError) {
                extents.append(
                    try ArrowExtent(column, version: version, fieldsLeft: &fieldsLeft))
            } catch {
                throw error.inColumn(name)
            }
        }
        try Self.checkDictionaries(fields)
        self.fields = fields
        self.columnIndices = columnIndices
        self.extents = extents
        self.refused = refused
        self.limits = limits
        self.metadata = metadata
        schema = Schema(
            fields.map { Field($0.name, $0.type.dataType, isNullable: $0.isNullable) })
    }

    private static func checkDictionaries(_ fields: [ArrowField]) throws(ArrowError) {
        var types: [Int64: ArrowType] = [:]
        for field in fields {
            guard let dictionary = field.dictionary else { continue }
            guard types[dictionary.id, default: field.type] == field.type else {
                throw ArrowError(
                    .malformed, "dictionary \(dictionary.id) has two types", column: field.name)
            }
            types[dictionary.id] = field.type
        }
    }

    /// Takes in a dictionary message.
    ///
    /// - Parameters:
    ///   - message: a dictionary message.
    ///   - dictionaries: the dictionaries so far, to which this one is added.
    ///   - columns: the columns that will be read; a dictionary of another is left out.
    /// - Throws: what is wrong with the message, with the column's name.
    public func decode(
        dictionary message: ArrowMessage, into dictionaries: inout ArrowDictionaries,
        columns: [Int]? = nil
    ) throws(ArrowError) {
        precondition(message.kind == .dictionaryBatch, "not a dictionary message")
        do throws(ArrowError) {
            let id = try message.header.scalar(0, Int64(0))
            guard let field = fields.first(where: { $0.dictionary?.id == id }) else {
                if extents.contains(where: { $0.dictionaries.contains(id) }) { return }
                throw ArrowError(.malformed, "no column has the dictionary \(id)")
            }
            if let columns, !columns.contains(where: { fields[$0].dictionary?.id == id }) { return }
            guard let batch = try message.header.table(1) else {
                throw ArrowError(.malformed, "a dictionary message without values")
            }
            let isDelta = try message.header.scalar(2, UInt8(0)) != 0
            do throws(ArrowError) {
                var body = try ArrowBodyReader(message, batch: batch, limits: limits)
                let added = try body.dictionary(field.type)
                let old = isDelta ? dictionaries.entries[id] : nil
                dictionaries.entries[id] =
                    try old.map { (old) throws(ArrowError) in
                        try old.appending(added)
                    } ?? added
            } catch {
                throw error.inColumn(field.name)
            }
        } catch {
            throw error.at(message.range.lowerBound)
        }
    }

    /// The rows of a record batch message.
    ///
    /// - Parameters:
    ///   - message: a record batch message.
    ///   - dictionaries: the dictionaries that came before it.
    ///   - columns: the columns to read, by index, in the order wanted; all by default.
    /// - Returns: the rows of these columns.
    /// - Throws: what is wrong with the message, with the column's name.
    public func decode(
        batch message: ArrowMessage, dictionaries: ArrowDictionaries, columns: [Int]? = nil
    ) throws(ArrowError) -> RecordBatch {
        precondition(message.kind == .recordBatch, "not a record batch message")
        do throws(ArrowError) {
            var body = try ArrowBodyReader(message, batch: message.header, limits: limits)
            let places = try body.places(of: extents)
            let wanted = columns ?? Array(fields.indices)
            var decoded: [Column] = []
            decoded.reserveCapacity(wanted.count)
            for index in wanted {
                do throws(ArrowError) {
                    decoded.append(
                        try body.column(
                            fields[index], at: places[columnIndices[index]], dictionaries))
                } catch {
                    throw error.inColumn(fields[index].name)
                }
            }
            let schema = columns == nil ? schema : Schema(wanted.map { self.schema[$0] })
            return RecordBatch(schema, decoded, count: body.rowCount)
        } catch {
            throw error.at(message.range.lowerBound)
        }
    }
}

extension ArrowDictionaries.Entry {
    /// The entries of a dictionary and those that a delta adds, which have the same type.
    func appending(_ other: Self) throws(ArrowError) -> Self {
        switch (self, other) {
        case (.strings(let old, let oldValidity), .strings(let new, let newValidity)):
            let joined = try old.appending(new)
            guard oldValidity != nil || newValidity != nil else { return .strings(joined, nil) }
            let bits = Bitmap.concatenate([
                oldValidity ?? Bitmap(repeating: true, count: old.count),
                newValidity ?? Bitmap(repeating: true, count: new.count),
            ])
            return .strings(joined, bits)
        case (.values(let old), .values(let new)):
            do throws(StringsTooLarge) {
                return .values(try Column.concatenate([old, new], type: old.type))
            } catch {
                throw ArrowError(.tooLarge, "\(error)")
            }
        default: preconditionFailure("a dictionary has one type")
        }
    }
}

extension StringDictionary {
    /// The entries of two dictionaries end to end.
    fileprivate func appending(_ right: StringDictionary) throws(ArrowError) -> StringDictionary {
        let left = self
        let leftOffsets = left.offsets.span(of: Int32.self)
        let rightOffsets = right.offsets.span(of: Int32.self)
        let leftStart = Int(leftOffsets[0])
        let leftEnd = Int(leftOffsets[left.count])
        let rightStart = Int(rightOffsets[0])
        let rightEnd = Int(rightOffsets[right.count])
        let total = leftEnd - leftStart + rightEnd - rightStart
        guard total <= Int(Int32.max), left.count + right.count < Int(Int32.max) else {
            throw ArrowError(.tooLarge, "a dictionary of more than 2 GiB of strings")
        }
        let offsets = Buffer(of: Int32.self, count: left.count + right.count + 1) { output in
            for index in 0..<left.count { output.append(leftOffsets[index] - Int32(leftStart)) }
            let shift = Int32(leftEnd - leftStart - rightStart)
            for index in 0...right.count { output.append(rightOffsets[index] + shift) }
        }
        let bytes = unsafe Buffer(byteCount: total) { output in
            unsafe output.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: left.bytes.unsafeBytes[leftStart..<leftEnd]))
            unsafe UnsafeMutableRawBufferPointer(rebasing: output[(leftEnd - leftStart)...])
                .copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: right.bytes.unsafeBytes[rightStart..<rightEnd]))
        }
        // Safe: both parts are valid, and the offsets were shifted with the bytes.
        return unsafe StringDictionary(
            uncheckedOffsets: offsets, bytes: bytes, count: left.count + right.count)
    }
}
