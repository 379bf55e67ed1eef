/// What a column takes of the lists of a record batch, its children included: all that has to be
/// known of a column to step over it.
struct ArrowExtent: Sendable {
    /// Pairs of length and null count.
    var nodeCount = 0
    /// Buffers, not counting the data buffers of views.
    var bufferCount = 0
    /// Columns of views, each of which has a count of data buffers.
    var viewCount = 0
    /// The dictionaries that its columns have.
    var dictionaries: Set<Int64> = []

    private static let depthMax = 64

    /// The extent of a field of a schema.
    ///
    /// - Parameters:
    ///   - field: the field.
    ///   - version: the metadata version of the schema's message.
    ///   - fieldsLeft: how many fields the schema can still have: children may be shared, so that
    ///     a few bytes could describe any number of them.
    /// - Throws: `.unsupported` for a type newer than these, `.tooLarge` for too many fields.
    init(
        _ field: FlatBufferTable, version: Int16, fieldsLeft: inout Int
    ) throws(ArrowError) {
        try add(field, version: version, fieldsLeft: &fieldsLeft, depth: 0, isStored: true)
    }

    /// Adds a field and its children; those below a dictionary are stored elsewhere.
    private mutating func add(
        _ field: FlatBufferTable, version: Int16, fieldsLeft: inout Int, depth: Int, isStored: Bool
    ) throws(ArrowError) {
        fieldsLeft -= 1
        guard fieldsLeft >= 0, depth < Self.depthMax else {
            throw ArrowError(
                .tooLarge, "a column of more than \(Self.depthMax) levels, or too many fields")
        }
        let encoding = try field.table(4)
        if let encoding { dictionaries.insert(try encoding.scalar(0, Int64(0))) }
        if isStored {
            nodeCount += 1
            if encoding != nil {
                bufferCount += 2
            } else {
                try addBuffers(field, version: version)
            }
        }
        for child in try field.tables(5) {
            try add(
                child, version: version, fieldsLeft: &fieldsLeft, depth: depth + 1,
                isStored: isStored && encoding == nil)
        }
    }

    private mutating func addBuffers(
        _ field: FlatBufferTable, version: Int16
    ) throws(ArrowError) {
        let type = try field.scalar(2, UInt8(0))
        switch type {
        case ArrowFormat.typeNull: break
        // Until V5 these two had validity.
        case ArrowFormat.typeRunEndEncoded: bufferCount += version < ArrowFormat.versionV5 ? 1 : 0
        case ArrowFormat.typeStruct, ArrowFormat.typeFixedSizeList: bufferCount += 1
        case ArrowFormat.typeUtf8, ArrowFormat.typeBinary, ArrowFormat.typeLargeUtf8,
            ArrowFormat.typeLargeBinary, ArrowFormat.typeListView, ArrowFormat.typeLargeListView:
            bufferCount += 3
        case ArrowFormat.typeUtf8View, ArrowFormat.typeBinaryView:
            bufferCount += 2
            viewCount += 1
        case ArrowFormat.typeUnion:
            let isDense = try field.table(3)?.scalar(0, Int16(0)) == 1
            bufferCount += (isDense ? 2 : 1) + (version < ArrowFormat.versionV5 ? 1 : 0)
        case 1..<UInt8(ArrowFormat.typeNames.count): bufferCount += 2
        default:
            throw ArrowError(
                .unsupported, "the type \(ArrowFormat.typeName(type)) is newer than this reader")
        }
    }
}
