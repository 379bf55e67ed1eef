import Columnar
import TestSupport
import Testing

/// A column in a type that holds all of its values.
@Suite struct WideningTests {
    private func column(_ type: DataType, _ values: [Value]) -> Column {
        var builder = ColumnBuilder(type, capacity: values.count)
        for value in values { builder.append(value) }
        return builder.finish()
    }

    private func values(_ column: Column) -> [Value] {
        RecordBatch(Schema([Field("v", column.type)]), [column], count: column.count).rows.map {
            $0[0]
        }
    }

    @Test func integers() {
        let ints = column(.int, [.int(.max), .null, .int(.min), .int(-5)])
        #expect(
            values(ints.widened(to: .long)) == [
                .long(Int64(Int32.max)), .null, .long(Int64(Int32.min)), .long(-5),
            ])
        #expect(
            values(ints.widened(to: .double)) == [
                .double(2_147_483_647), .null, .double(-2_147_483_648), .double(-5),
            ])
        #expect(
            values(ints.widened(to: .decimal(precision: 12, scale: 2))).last
                == .decimal(unscaled: -500, scale: 2))
        let longs = column(.long, [.long(.min), .null])
        #expect(
            values(longs.widened(to: .decimal(precision: 38, scale: 18))) == [
                .decimal(unscaled: Int128(Int64.min) * 1_000_000_000_000_000_000, scale: 18), .null,
            ])
    }

    @Test func decimals() {
        let narrow = column(
            .decimal(precision: 18, scale: 2), [.decimal(unscaled: -125, scale: 2), .null])
        #expect(
            values(narrow.widened(to: .decimal(precision: 38, scale: 4))) == [
                .decimal(unscaled: -12_500, scale: 4), .null,
            ])
        let wide = column(
            .decimal(precision: 20, scale: 0), [.decimal(unscaled: 7, scale: 0)])
        #expect(
            values(wide.widened(to: .decimal(precision: 21, scale: 1))) == [
                .decimal(unscaled: 70, scale: 1)
            ])
    }

    /// Whatever is a widening has room for the extremes, and nothing else is one.
    @Test func whatWidens() {
        let decimals = [(9, 0), (10, 0), (12, 2), (18, 2), (20, 0), (22, 2), (38, 18)].map {
            DataType.decimal(precision: $0.0, scale: $0.1)
        }
        let types: [DataType] =
            [.boolean, .int, .long, .double, .string, .binary, .date, .timestamp] + decimals
        var found: Set<String> = []
        for type in types {
            #expect(!type.widens(to: type))
            for other in types where type.widens(to: other) { found.insert("\(type)>\(other)") }
        }
        #expect(found.contains("int>long") && found.contains("int>double"))
        #expect(found.contains("int>decimal(10,0)") && !found.contains("int>decimal(9,0)"))
        #expect(found.contains("long>decimal(20,0)") && !found.contains("long>decimal(18,2)"))
        #expect(!found.contains("long>double") && !found.contains("long>int"))
        #expect(!found.contains("double>long") && !found.contains("date>timestamp"))
        #expect(found.contains("decimal(12,2)>decimal(18,2)"))
        #expect(!found.contains("decimal(12,2)>decimal(10,0)"))
    }
}
