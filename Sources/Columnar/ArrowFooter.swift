// The file format of Arrow: "ARROW1", two zeros, the messages of a stream, the footer (a flatbuffer:
// version, schema, where dictionaries and record batches are), its length in four bytes, "ARROW1".
// What stands before the first of these places is not looked at: not every writer puts the schema
// there as a message.

/// The footer of an Arrow file.
struct ArrowFooter {
    /// The schema, its metadata version, and where in the source it lies.
    let schema: FlatBufferTable
    let version: Int16
    let range: Range<Int>
    /// Where messages start: dictionaries first, for a file has no dictionary twice.
    let positions: [Int]

    private static let mark = Array("ARROW1".utf8)

    /// Whether bytes begin as an Arrow file does.
    static func isFile(_ source: Buffer) -> Bool {
        unsafe source.count >= mark.count
            && source.unsafeBytes.prefix(mark.count).elementsEqual(mark)
    }

    /// Reads the footer of a file.
    init(_ source: Buffer) throws(ArrowError) {
        let end = source.count - Self.mark.count - 4
        guard end >= 8, unsafe source.unsafeBytes.suffix(Self.mark.count).elementsEqual(Self.mark)
        else {
            throw ArrowError(
                .truncated, "the file has no footer: its writer has not finished, or it was cut",
                position: source.count)
        }
        // Safe: four bytes before the mark are there.
        let length = unsafe Int(
            Int32(
                littleEndian: source.unsafeBytes.loadUnaligned(fromByteOffset: end, as: Int32.self))
        )
        guard length > 0, length <= end - 8 else {
            throw ArrowError(.malformed, "the footer's length is wrong", position: end)
        }
        range = end - length..<end
        do throws(ArrowError) {
            let footer = try FlatBufferTable(rootOf: source.slice(range))
            // Not checked: some old writers leave it out, and every message has one of its own.
            version = try footer.scalar(0, Int16(0))
            guard let schema = try footer.table(1) else {
                throw ArrowError(.malformed, "a footer without schema")
            }
            self.schema = schema
            var positions: [Int] = []
            for offset in try footer.blockOffsets(2) + footer.blockOffsets(3) {
                guard offset >= 8, offset < Int64(range.lowerBound) else {
                    throw ArrowError(.malformed, "a message lies outside of the file")
                }
                positions.append(Int(offset))
            }
            // Each message is read once: a footer cannot make many batches of one.
            guard Set(positions).count == positions.count else {
                throw ArrowError(.malformed, "the footer has a message twice")
            }
            self.positions = positions
        } catch {
            throw error.at(end - length)
        }
    }
}
