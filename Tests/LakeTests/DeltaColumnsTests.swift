import Columnar
import Lake
import Storage
import TestSupport
import Testing

/// Columns of a Delta table that come and go.
@Suite struct DeltaColumnsTests {
    @Test func anEmptyTableMayChangeItsColumns() throws {
        let files = SimulatedFileSystem()
        _ = try DeltaTableTests.open(files)
        let other = Schema([Field("symbol", .string), Field("n", .int)])
        _ = try DeltaTableTests.open(files, schema: other)
        #expect(try LakeReader(try Path(DeltaTableTests.path), files).schema() == other)
    }

    @Test func columnsComeAndGoInACommitOfTheirOwn() throws {
        let files = SimulatedFileSystem()
        _ = try DeltaTableTests.write(0..<1, try DeltaTableTests.open(files))
        let other = Schema([
            Field("symbol", .string), Field("m", .long, isNullable: false),
        ])
        let changed = try DeltaTableTests.open(files, schema: other)
        let row = RecordBatch(other, rows: [[.string("C"), .long(7)]])
        _ = try changed.write(batch: 1, rows: row, timestampMs: 5)
        let reader = try LakeReader(try Path(DeltaTableTests.path), files)
        #expect(
            try reader.schema()
                == Schema([Field("symbol", .string), Field("n", .long), Field("m", .long)]))
        #expect(try reader.read().rows.contains([.string("C"), .null, .long(7)]))
        #expect(reader.version == 3)
        // Opened again, nothing changes; with the old columns neither.
        _ = try DeltaTableTests.open(files, schema: other)
        _ = try DeltaTableTests.open(files)
        #expect(try LakeReader(try Path(DeltaTableTests.path), files).version == 3)
    }
}
