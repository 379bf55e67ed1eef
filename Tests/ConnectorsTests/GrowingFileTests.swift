import Columnar
import ConnectorAPI
import Decoding
import Feeds
import Jobs
import Storage
import TestSupport
import Testing
import TextConnector
import TickLog

/// Files that grow, change or are replaced between two runs of their feed.
@Suite struct GrowingFileTests {
    /// A log beside a file, filled again and again.
    private struct Place {
        let files: POSIXFileSystem
        let directory: Path
        var input: Path { get throws { try directory.appending("g.csv") } }
        var log: Path { get throws { try directory.appending("log") } }

        func write(_ text: String, _ name: String = "g.csv") throws {
            let path = try directory.appending(name)
            try files.createAtomically(path, mode: .replace, contents: Array(text.utf8))
        }

        func feed(
            _ paths: [String]? = nil, follows: Bool = false, price: String = "p"
        ) throws -> CSVFeed {
            var spec = CSVSpec(
                FeedInput(try paths ?? [input.string]),
                columns: [
                    FeedColumn("t", .timestamp), FeedColumn("p", .double, from: .field(price)),
                ], eventTime: "t")
            spec.input.follows = follows
            return try CSVFeed(spec, files: files)
        }

        @discardableResult
        func fill(_ feed: any Feed) throws -> FeedReport {
            if try !files.exists(log.appending("log.json")) {
                try TickLogWriter.create(log, schema: feed.schema, timeColumn: "t", files)
            }
            let writer = try TickLogWriter(log, files)
            defer { try? writer.close() }
            return try FeedPump(feed, into: writer) { _ in }.run()
        }

        var prices: [Double] {
            get throws {
                let reader = try TickLogReader(log, files)
                let blocks = try reader.read(reader.startOffset..<reader.endOffset)
                return blocks.flatMap { $0.batch.rows }.compactMap { row in
                    if case .double(let price) = row[1] { price } else { nil }
                }
            }
        }
    }

    private func withPlace(_ body: (Place) throws -> Void) throws {
        try withTemporaryDirectory { files, directory in
            try body(Place(files: files, directory: directory))
        }
    }

    private func fault(_ work: () throws -> Void) -> ConnectorError? {
        #expect(throws: ConnectorError.self) { try work() }
    }

    private static let start = "t,p\n2026-01-05 10:00:00,1\n2026-01-05 10:00:01,2"

    @Test func aFileThatGrowsIsReadOn() throws {
        try withPlace { place in
            try place.write(Self.start + "\n")
            try place.fill(place.feed())
            try place.write(Self.start + "\n2026-01-05 10:00:02,3\n")
            #expect(try place.fill(place.feed()).rows == 1)
            #expect(try place.fill(place.feed()).rows == 0)
            #expect(try place.prices == [1, 2, 3])
        }
    }

    /// A last line without line end is a record; its line end may come later.
    @Test func theLineEndMayComeLater() throws {
        try withPlace { place in
            try place.write(Self.start)
            #expect(try place.fill(place.feed()).rows == 2)
            for (more, count) in [("\n", 0 as Int64), ("\n2026-01-05 10:00:02,3", 1)] {
                try place.write(Self.start + more)
                #expect(try place.fill(place.feed()).rows == count)
            }
            #expect(try place.prices == [1, 2, 3])
        }
    }

    /// One that goes on was half a record.
    @Test func halfARecordIsNoticed() throws {
        try withPlace { place in
            try place.write(Self.start)
            try place.fill(place.feed())
            try place.write(Self.start + "5\n2026-01-05 10:00:02,3\n")
            let error = fault { try place.fill(place.feed()) }
            #expect(error?.code == "fileChanged" && error?.fault == .damage)
            #expect(try error?.place == place.input.string)
            #expect(
                error?.message.contains("at byte 47 without a line end") == true, "\(error as Any)")
            #expect(try place.prices == [1, 2])
        }
    }

    /// A feed that follows its file leaves such a line for the next time.
    @Test func aFollowedFilesLastLineWaits() throws {
        try withPlace { place in
            try place.write(Self.start)
            #expect(try place.fill(place.feed(follows: true)).rows == 1)
            try place.write(Self.start + "5\n2026-01-05 10:00:02,3\n")
            let report = try place.fill(place.feed(follows: true))
            #expect(report.rows == 2 && report.malformed == 0)
            #expect(try place.prices == [1, 25, 3])
        }
    }

    /// Only the last file may grow: of the ones before, the last line is a record.
    @Test func onlyTheLastFileIsFollowed() throws {
        try withPlace { place in
            try place.write(Self.start)
            try place.write("t,p\n2026-01-06,3\n2026-01-06,", "h.csv")
            let pattern = place.directory.string + "/?.csv"
            #expect(try place.fill(place.feed([pattern], follows: true)).rows == 3)
            #expect(try place.prices == [1, 2, 3])
        }
    }

    @Test(arguments: [
        "t,p\n2026-01-07 10:00:00,1\n2026-01-07 10:00:01,2\n2026-01-07 10:00:02,3\n",
        "t,p\n2026-01-05 10:00:00,7\n2026-01-05 10:00:01,2\n",
        "t,p\n2026-01-05 09:00:00,0\n2026-01-05 10:00:00,1\n2026-01-05 10:00:01,2\n",
        "t,p\n2026-01-05 10:00:00,1\n",
    ])
    func anotherFileUnderTheNameIsNoticed(text: String) throws {
        try withPlace { place in
            try place.write(Self.start + "\n")
            try place.fill(place.feed())
            try place.write(text)
            let error = fault { try place.fill(place.feed()) }
            #expect(error?.fault == .damage)
            #expect(error?.message.contains("48") == true, "\(error as Any)")
            #expect(try place.prices == [1, 2])
        }
    }

    /// Of a file that was left for the next one, growth and another content are noticed, too.
    @Test(arguments: ["2026-01-05 10:00:02,3\n", ""])
    func aFileBeforeIsCheckedToo(more: String) throws {
        try withPlace { place in
            let pattern = place.directory.string + "/?.csv"
            try place.write(Self.start + "\n")
            try place.write("t,p\n2026-01-06,3\n", "h.csv")
            try place.fill(place.feed([pattern]))
            try place.write((more.isEmpty ? "t,p\n2026-01-05,7\n" : Self.start + "\n") + more)
            let error = fault { try place.fill(place.feed([pattern])) }
            #expect(error?.code == "fileChanged")
            #expect(error?.message.hasPrefix("it was read before ") == true, "\(error as Any)")
        }
    }

    /// A position of an earlier build has no checksum; what it can tell is told.
    @Test func positionsOfEarlierBuildsResume() throws {
        try withPlace { place in
            try place.write(Self.start + "\n2026-01-05 10:00:02,3\n")
            let names = FeedIdentity("files", []).text
            let old = try FeedPosition("v1 0 0 48 4 2 0 \(names) \(place.input)")
            let feed = try place.feed()
            try feed.resume(from: old)
            guard case .rows(let batch) = try feed.next(rowsMax: 10, until: .distantFuture) else {
                Issue.record("no rows")
                return
            }
            #expect(batch.rows.count == 1 && batch.position.text.hasPrefix("v4 "))
            try place.write(Self.start + "5\n")
            let cut = try FeedPosition("v1 0 0 47 3 2 0 \(names) \(place.input)")
            let error = fault { try place.feed().resume(from: cut) }
            #expect(error?.code == "fileChanged")
        }
    }

    /// Rows that are in the log already do not come again under another spelling, with another
    /// column, or in a longer list of files.
    @Test func theSameFileInAnotherFeedIsRefused() throws {
        try withPlace { place in
            try place.write(Self.start + "\n")
            try place.write("t,p\n2026-01-06,3\n", "h.csv")
            try place.fill(place.feed())
            let (folder, h) = (place.directory.string, place.directory.string + "/h.csv")
            for paths in [[folder + "/./g.csv"], [h, folder + "/g.csv"], [folder + "/?.csv"]] {
                let error = fault { try place.fill(place.feed(paths)) }
                #expect(error?.code == "readBefore", "\(error as Any)")
            }
            #expect(fault { try place.fill(place.feed(price: "t")) } != nil)
            #expect(try place.fill(place.feed([h])).rows == 1)
            #expect(try place.prices == [1, 2, 3])
        }
    }

    /// What is no regular file has no place to go back to.
    @Test func devicesAndPipesHaveNoPlace() throws {
        try withPlace { place in
            #expect(try place.feed(["/dev/null"]).replay == .never)
            #expect(try place.feed(["-"]).replay == .never)
            try place.write(Self.start)
            #expect(try place.feed().replay.identity != nil)
        }
    }
}
