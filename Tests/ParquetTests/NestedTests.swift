import Columnar
import Parquet
import TestSupport
import Testing

/// Rows that are trees come back, and no damage to their file makes the reader trap.
@Suite struct NestedTests {
    static let fields: [NestedField] = [
        .group(
            "add",
            [
                .text("path"), .textMap("values"), .int64("size"), .boolean("flag"),
                .group("inner", [.int32("number"), .texts("list")]),
            ]),
        .texts("names"), .textMap("map"), .int64("number"),
    ]

    static func rows(_ count: Int, seed: UInt64) -> [[NestedValue]] {
        var random = SeededGenerator(seed: seed)
        func optional(_ value: NestedValue) -> NestedValue {
            Int.random(in: 0..<4, using: &random) == 0 ? .null : value
        }
        func texts() -> NestedValue {
            let count = Int.random(in: 0..<4, using: &random)
            return optional(.texts((0..<count).map { "text \($0) é" }))
        }
        func map() -> NestedValue {
            let count = Int.random(in: 0..<4, using: &random)
            return optional(.textMap((0..<count).map { ("key \($0)", $0 == 1 ? nil : "v\($0)") }))
        }
        return (0..<count).map { row in
            let inner = optional(.group([optional(.integer(Int64(row))), texts()]))
            let add = NestedValue.group([
                optional(.text("path \(row % 7)")), map(), optional(.integer(Int64(row) << 33)),
                optional(.boolean(row % 3 == 0)), inner,
            ])
            return [optional(add), texts(), map(), optional(.integer(-Int64(row)))]
        }
    }

    static func text(_ rows: [[NestedValue]]) -> [String] { rows.map { "\($0)" } }

    @Test(arguments: [0, 1, 2, 500], [ParquetCompression.zstd, .uncompressed])
    func rowsComeBack(count: Int, compression: ParquetCompression) throws {
        var options = ParquetOptions()
        options.compression = compression
        options.rowGroupRowsMax = 200
        let rows = Self.rows(count, seed: UInt64(count))
        let bytes = try encodeNested(rows, Self.fields, options)
        let read = try decodeNested(Buffer(copying: bytes), Self.fields)
        #expect(Self.text(read) == Self.text(rows))
        // Some columns, in another order, and one that is not there.
        let some = try decodeNested(
            Buffer(copying: bytes), [.int64("number"), .text("none"), .texts("names")])
        #expect(Self.text(some) == Self.text(rows.map { [$0[3], .null, $0[1]] }))
    }

    @Test func anotherShapeIsRefused() throws {
        let bytes = try encodeNested(Self.rows(5, seed: 1), Self.fields)
        for field in [NestedField.text("number"), .texts("map"), .textMap("names"), .int32("add")] {
            let error = #expect(throws: ParquetError.self) {
                try decodeNested(Buffer(copying: bytes), [field])
            }
            #expect(error?.code == .unsupported && error?.column == field.name)
        }
    }

    @Test func everyFlippedBitIsRefusedOrReadAsSomething() throws {
        var options = ParquetOptions()
        options.compression = .uncompressed
        let bytes = try encodeNested(Self.rows(12, seed: 3), Self.fields, options)
        var damaged = bytes
        var refused = 0
        for bit in stride(from: 0, to: bytes.count * 8, by: TestSlice.step(7)) {
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            do {
                _ = try decodeNested(Buffer(copying: damaged), Self.fields)
            } catch {
                refused += 1
            }
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(refused > bytes.count * 4 / TestSlice.step(7))
        for length in 0..<bytes.count {
            #expect(throws: ParquetError.self) {
                try decodeNested(Buffer(copying: Array(bytes[..<length])), Self.fields)
            }
        }
    }
}
