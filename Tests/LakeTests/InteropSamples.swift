import Columnar
import Parquet
import TestSupport

/// Files whose values put readers to the test.
enum InteropSamples {
    struct Sample {
        let name: String
        let batch: RecordBatch
        var options = ParquetOptions()
    }

    static let hostileStrings = [
        "IBM", "../../x", "a/b", "", "new\nline", "tab\there", "caf\u{e9}", "%2F", "a=b", "a b",
        "{x}[y]^", "quote\"'", "back\\slash", "star*?", "#hash:colon", "\u{7f}", "日本", "~;,&",
    ]

    static let types: [(name: String, type: DataType)] = [
        ("boolean", .boolean), ("int", .int), ("long", .long), ("double", .double),
        ("decimal9", .decimal(precision: 9, scale: 2)),
        ("decimal18", .decimal(precision: 18, scale: 4)),
        ("decimal38", .decimal(precision: 38, scale: 10)), ("string", .string), ("date", .date),
        ("timestamp", .timestamp), ("binary", .binary),
    ]

    /// A value that depends on type and row alone: runs, trends and noise.
    static func value(_ type: DataType, _ row: Int, _ random: inout SeededGenerator) -> Value {
        let noise = Int64.random(in: -50...50, using: &random)
        switch type {
        case .boolean: return .boolean(row / 17 % 2 == 0 || noise > 40)
        case .int: return .int(Int32(row * 3) + Int32(noise))
        case .long: return .long(noise > 48 ? .random(in: .min ... .max, using: &random) : noise)
        case .double: return .double(100 + Double(row / 10) / 4 + Double(noise) / 100)
        case .decimal(let precision, let scale):
            let big = precision > 18 ? Int128(1) << 90 : 1
            return .decimal(unscaled: Int128(noise * 1_000 + Int64(row)) * big, scale: scale)
        case .string: return .string("symbol-\(noise % 7)")
        case .binary: return .binary([0xff, UInt8(truncatingIfNeeded: noise % 9)])
        case .date: return .date(Int32(20_000 + row / 100))
        case .timestamp: return .timestamp(1_767_610_800_000_000 + Int64(row) * 1_000 + noise)
        }
    }

    static func extremes(_ type: DataType) -> [Value] {
        switch type {
        case .boolean: [.boolean(true), .boolean(false)]
        case .int: [.int(.min), .int(.max), .int(0), .int(-1)]
        case .long: [.long(.min), .long(.max), .long(0), .long(-1)]
        case .double:
            [-0.0, 0.0, .infinity, -.infinity, .leastNonzeroMagnitude, 1.7976931348623157e308]
                .map { .double($0) }
        case .decimal(let precision, let scale):
            [1, -1].map { sign in
                let nines = (0..<precision).reduce(Int128(0)) { value, _ in value * 10 + 9 }
                return .decimal(unscaled: nines * Int128(sign), scale: scale)
            }
        case .string: hostileStrings.map { .string($0) }
        case .binary:
            [[], [0], [0xff], [0xc3], Array(repeating: 0xff, count: 70), Array(0...255)].map {
                .binary($0)
            }
        case .date: [.date(-719_162), .date(2_932_896), .date(0)]
        case .timestamp:
            [.timestamp(-62_135_596_800_000_000), .timestamp(253_402_300_799_999_999)]
        }
    }

    static func batch(_ rows: Int, nullable: Bool, nullEvery: Int = 0) -> RecordBatch {
        var random = SeededGenerator(seed: 11)
        let schema = Schema(types.map { Field($0.name, $0.type, isNullable: nullable) })
        let values = (0..<rows).map { row in
            types.enumerated().map { index, type in
                nullEvery > 0 && (row + index) % nullEvery == 0
                    ? .null : value(type.type, row, &random)
            }
        }
        return RecordBatch(schema, rows: values)
    }

    static var all: [Sample] {
        var small = ParquetOptions()
        small.pageRowsMax = 97
        small.rowGroupRowsMax = 400
        var plain = small
        plain.compression = .uncompressed
        var samples = [
            Sample(name: "nullable", batch: batch(1_000, nullable: true, nullEvery: 5)),
            Sample(
                name: "pages", batch: batch(1_000, nullable: true, nullEvery: 3), options: small),
            Sample(
                name: "uncompressed", batch: batch(1_000, nullable: true, nullEvery: 7),
                options: plain),
            Sample(name: "required", batch: batch(1_000, nullable: false), options: small),
            Sample(name: "no-nulls", batch: batch(300, nullable: true)),
            Sample(name: "empty", batch: batch(0, nullable: true)),
            Sample(
                name: "all-null", batch: batch(250, nullable: true, nullEvery: 1), options: small),
            Sample(name: "one-row", batch: batch(1, nullable: false)),
        ]
        samples += types.map { name, type in
            let rows = extremes(type).map { [$0] } + [[.null]]
            return Sample(
                name: "extremes-\(name)",
                batch: RecordBatch(Schema([Field(name, type)]), rows: rows))
        }
        return samples + forced(small) + special(small)
    }

    /// Every encoding of every type that can have it.
    private static func forced(_ options: ParquetOptions) -> [Sample] {
        let whole = batch(1_000, nullable: true, nullEvery: 4)
        var samples: [Sample] = []
        for (index, (name, type)) in types.enumerated() {
            let encodings: [ParquetEncoding] =
                switch type {
                case .boolean: [.plain, .rle]
                case .double: [.plain, .dictionary, .byteStreamSplit]
                case .string, .binary: [.plain, .dictionary, .deltaLengthByteArray]
                case .decimal(let precision, _) where precision > 18: [.plain]
                default: [.plain, .dictionary, .deltaBinaryPacked]
                }
            for encoding in encodings {
                var options = options
                options.encodings[name] = encoding
                let batch = RecordBatch(
                    Schema([whole.schema[index]]), [whole.columns[index]], count: whole.count)
                samples.append(
                    Sample(name: "forced-\(name)-\(encoding)", batch: batch, options: options))
            }
        }
        return samples
    }

    private static func special(_ options: ParquetOptions) -> [Sample] {
        var random = SeededGenerator(seed: 5)
        let nan = (0..<300).map { row -> [Value] in
            [.double(row < 100 ? .nan : row % 3 == 0 ? .nan : Double(row))]
        }
        let long = (0..<200).map { row -> [Value] in
            [.string(String(repeating: row % 2 == 0 ? "é" : "z", count: 40 + row) + "\(row)")]
        }
        let distinct = (0..<70_000).map { row -> [Value] in
            [.string("\(UInt64.random(in: .min ... .max, using: &random))-\(row)")]
        }
        let doubles = Schema([Field("double", .double)])
        let strings = Schema([Field("string", .string)])
        return [
            Sample(
                name: "zeros-positive",
                batch: RecordBatch(doubles, rows: [[.double(0.0)], [.null]])),
            Sample(name: "zeros-negative", batch: RecordBatch(doubles, rows: [[.double(-0.0)]])),
            Sample(name: "nan", batch: RecordBatch(doubles, rows: nan), options: options),
            Sample(name: "long-strings", batch: RecordBatch(strings, rows: long), options: options),
            Sample(name: "distinct-strings", batch: RecordBatch(strings, rows: distinct)),
        ]
    }
}
