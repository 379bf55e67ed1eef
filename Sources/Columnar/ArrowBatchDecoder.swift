/// The dictionaries of a stream as of some message.
public struct ArrowDictionaries: Sendable {
    struct Entry: Sendable {
        let strings: StringDictionary
        /// Set where an entry is not null; `nil` when no entry is.
        let validity: Bitmap?
    }

    var entries: [Int64: Entry] = [:]

    /// No dictionaries: the state at the start of a stream.
    public init() {}
}

/// Reads the batches of a stream after its schema.
///
/// Types are read as: int8, int16, int32, uint8, uint16 → `int`; int64, uint32 → `long`; uint64 →
/// `long` where every value fits; float32, float64 → `double`; utf8, large utf8, utf8 view, also
/// as values of a dictionary with any integer index → `string`; null → `string`; date32, date64
/// → `date`; timestamp of any unit → `timestamp` (nanoseconds are rounded down to microseconds;
/// without time zone it is taken as UTC); decimal128 → `decimal`; bool → `boolean`. Everything
/// else is refused with the name of the column.
///
/// Buffers that are not compressed, lie aligned in the source and have our width are not copied.
public struct ArrowBatchDecoder: Sendable {
    /// The schema as our types.
    public let schema: Schema
    /// The custom metadata of the schema.
    public let metadata: [ArrowMetadataEntry]
    /// How much memory a message may take.
    public let limits: ArrowReadLimits

    let fields: [ArrowField]

    /// A decoder for what follows a schema message.
    public init(
        schema message: ArrowMessage, limits: ArrowReadLimits = ArrowReadLimits()
    ) throws(ArrowError) {
        guard message.kind == .schema else {
            throw ArrowError(
                .malformed, "a stream starts with its schema", position: message.range.lowerBound)
        }
        guard try message.header.scalar(0, Int16(0)) == 0 else {
            throw ArrowError(
                .unsupported, "big-endian data is not read; write it little-endian",
                position: message.range.lowerBound)
        }
        var fields: [ArrowField] = []
        var budget = message.range.count
        for table in try message.header.tables(1) {
            let name = try table.string(0, budget: &budget) ?? ""
            fields.append(try ArrowField(table, name: name))
        }
        try Self.checkDictionaries(fields)
        let ours = fields.map { Field($0.name, $0.type.dataType, isNullable: $0.isNullable) }
        if let name = Schema.duplicateName(in: ours) {
            throw ArrowError(
                .unsupported, "two columns have this name; rename one", column: name)
        }
        self.fields = fields
        self.limits = limits
        schema = Schema(ours)
        metadata = try message.schemaMetadata().map(\.entry)
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
            let places = try body.places(of: fields)
            let wanted = columns ?? Array(fields.indices)
            var decoded: [Column] = []
            decoded.reserveCapacity(wanted.count)
            for index in wanted {
                do throws(ArrowError) {
                    decoded.append(
                        try body.column(fields[index], at: places[index], dictionaries))
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
    func appending(_ other: Self) throws(ArrowError) -> Self {
        let left = strings
        let right = other.strings
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
        let joined = unsafe StringDictionary(
            uncheckedOffsets: offsets, bytes: bytes, count: left.count + right.count)
        guard validity != nil || other.validity != nil else {
            return Self(strings: joined, validity: nil)
        }
        let bits = Bitmap.concatenate([
            validity ?? Bitmap(repeating: true, count: left.count),
            other.validity ?? Bitmap(repeating: true, count: right.count),
        ])
        return Self(strings: joined, validity: bits)
    }
}
