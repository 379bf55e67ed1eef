import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import Testing
import TextConnector

@Suite struct ArchiveTests {
    /// Two gzip members: a header with two days, and a third day.
    private static let gzip =
        "1f8b08000000000002ff2be132b43437d03530042204d3880b002f508726180000001f8b08000000"
        + "000002ff33b43437d03530d43530e602003ea2c48d0b000000"
    /// A directory, a deflated entry with two days and a stored one with a fourth.
    private static let zip =
        "504b030414000000000000004743000000000000000000000000040000006469722f504b03041400"
        + "00000800000047432f508726100000001800000005000000612e6373762be132b43437d035300422"
        + "04d3880b00504b03041400000000000000474386621d000c0000000c000000090000006469722f62"
        + "2e637376740a313937302d30312d3034504b01021403140000000000000047430000000000000000"
        + "000000000400000000000000000000008001000000006469722f504b010214031400000008000000"
        + "47432f5087261000000018000000050000000000000000000000800122000000612e637376504b01"
        + "0214031400000000000000474386621d000c0000000c000000090000000000000000000000800155"
        + "0000006469722f622e637376504b050600000000030003009c000000880000000000"
    /// One deflated entry whose sizes stand in a 64-bit extra field.
    private static let zip64 =
        "504b03042d0000000800000000002f508726ffffffffffffffff05001400782e6373760100100018"
        + "0000000000000010000000000000002be132b43437d03530042204d3880b00504b010233002d0000"
        + "000800000000002f508726ffffffffffffffff050014000000000000000000000000000000782e63"
        + "73760100100018000000000000001000000000000000504b05060000000001000100470000004700"
        + "00000000"

    private func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<($0 + 2)], as: UTF8.self), radix: 16)
        }
    }

    private func days(_ bytes: [UInt8], name: String, maxRows: Int = 10) throws -> FeedContent {
        try readCSV(bytes, maxRows: maxRows, name: name) {
            $0.columns = [FeedColumn("t", .timestamp)]
            $0.eventTime = "t"
        }
    }

    private func expected(_ days: [Int64]) -> [[Value]] {
        days.map { [.timestamp(($0 - 1) * 86_400_000_000)] }
    }

    /// What a file is follows from its bytes, whatever its name.
    @Test(arguments: ["x.csv.gz", "x.zip", "x.csv"])
    func archivesAreReadWhole(name: String) throws {
        #expect(try days(bytes(Self.gzip), name: name).rows == expected([1, 2, 3]))
        #expect(try days(bytes(Self.gzip) + [0, 0, 0], name: name).rows == expected([1, 2, 3]))
        let zipped = try days(bytes(Self.zip), name: name)
        #expect(zipped.rows == expected([1, 2, 4]) && zipped.error == nil)
        #expect(try days(bytes(Self.zip64), name: name).rows == expected([1, 2]))
    }

    /// A file that was cut anywhere is an error that says so; rows before the cut may come.
    @Test func cutArchivesAreErrors() throws {
        for hex in [Self.gzip, Self.zip, Self.zip64] {
            let whole = bytes(hex)
            let firstMember = hex == Self.gzip ? 34 : -1
            for length in 5..<whole.count where length != firstMember {
                let content = try days(Array(whole[..<length]), name: "cut.gz")
                #expect(content.error?.contains("damaged") == true, "cut at \(length)")
                #expect(content.malformed.isEmpty)
            }
        }
    }

    /// A changed byte is found by a checksum, changes nothing that is read, or is a clear error.
    @Test func changedBytesNeverGiveOtherRows() throws {
        for (hex, rows) in [
            (Self.gzip, expected([1, 2, 3])), (Self.zip, expected([1, 2, 4])),
            (Self.zip64, expected([1, 2])),
        ] {
            let whole = bytes(hex)
            for place in 4..<whole.count {
                for bit: UInt8 in [1, 0x80] {
                    var changed = whole
                    changed[place] ^= bit
                    let content = try days(changed, name: "changed.zip")
                    #expect(
                        content.error != nil || content.rows == rows
                            || content.rows.count < rows.count, "byte \(place)")
                }
            }
        }
    }

    @Test func resumeInsideArchives() throws {
        try withTemporaryDirectory { files, directory in
            try write(bytes(Self.gzip), directory.appending("1.gz"), files)
            try write(bytes(Self.zip), directory.appending("2.zip"), files)
            func feed() throws -> CSVFeed {
                try CSVFeed(
                    CSVSpec(
                        FeedInput([directory.string + "/*"]),
                        columns: [FeedColumn("t", .timestamp)], eventTime: "t"), files: files)
            }
            let whole = expected([1, 2, 3, 1, 2, 4])
            let reader = try feed()
            var seen = 0
            while let batch = try reader.nextBatch(1) {
                seen += batch.rows.count
                let resumed = try feed()
                try resumed.resume(from: batch.position)
                #expect(drain(resumed, maxRows: 2).rows == Array(whole[seen...]))
            }
            #expect(seen == 6)
        }
    }
}
