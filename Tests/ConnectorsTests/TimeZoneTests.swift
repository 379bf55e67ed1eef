import Columnar
import ConnectorAPI
import Decoding
import Storage
import TestSupport
import Testing
import TextConnector

/// Wall-clock times against what java.time and Python's zoneinfo give.
@Suite struct TimeZoneTests {
    /// The UTC time of milliseconds since midnight of a day in a zone.
    private func utc(_ day: String, _ millis: [Int64], zone: String) throws -> [String] {
        let lines = millis.map { "\($0)\n" }.joined()
        let content = try readCSV(Array(lines.utf8), name: "\(day)_trade.csv") { spec in
            var time = FeedColumn("time", .timestamp, from: .index(0))
            time.timestampFormat = .millisSinceMidnight
            time.timeZone = zone
            spec.columns = [time]
            spec.hasHeader = false
        }
        if let error = content.error { return [error] }
        #expect(content.malformed.isEmpty)
        return content.rows.map { row in
            guard case .timestamp(let micros) = row[0] else { return "?" }
            return formatTimestamp(micros: micros)
        }
    }

    private static let hour: Int64 = 3_600_000

    @Test func anOrdinaryDay() throws {
        #expect(
            try utc("20131007", [14_400_614, 9 * Self.hour], zone: "America/New_York") == [
                "2013-10-07 08:00:00.614", "2013-10-07 13:00:00",
            ])
    }

    @Test func theClockSkipsAnHour() throws {
        #expect(
            try utc(
                "2013-03-10",
                [0, 2 * Self.hour - 1, 2 * Self.hour, 5 * Self.hour / 2, 3 * Self.hour],
                zone: "America/New_York") == [
                    "2013-03-10 05:00:00", "2013-03-10 06:59:59.999", "2013-03-10 07:00:00",
                    "2013-03-10 07:30:00", "2013-03-10 07:00:00",
                ])
    }

    @Test func theClockShowsAnHourTwice() throws {
        #expect(
            try utc(
                "20131103",
                [Self.hour - 1, Self.hour, 2 * Self.hour - 1, 2 * Self.hour, Self.hour],
                zone: "America/New_York") == [
                    "2013-11-03 04:59:59.999", "2013-11-03 05:00:00", "2013-11-03 05:59:59.999",
                    "2013-11-03 07:00:00", "2013-11-03 05:00:00",
                ])
    }

    @Test func zonesWithHalfHours() throws {
        #expect(
            try utc("20131007", [9 * Self.hour], zone: "Asia/Kolkata") == ["2013-10-07 03:30:00"])
        // Lord Howe moves its clocks by half an hour.
        #expect(
            try utc(
                "20131006", [Self.hour, 2 * Self.hour, 9 * Self.hour / 4, 3 * Self.hour],
                zone: "Australia/Lord_Howe") == [
                    "2013-10-05 14:30:00", "2013-10-05 15:30:00", "2013-10-05 15:45:00",
                    "2013-10-05 16:00:00",
                ])
        #expect(
            try utc(
                "20130407", [3 * Self.hour / 2, 7 * Self.hour / 4, 2 * Self.hour],
                zone: "Australia/Lord_Howe") == [
                    "2013-04-06 14:30:00", "2013-04-06 14:45:00", "2013-04-06 15:30:00",
                ])
    }

    /// Beyond the table of the zone's file its last rule holds.
    @Test func yearsToCome() throws {
        #expect(
            try utc("20990701", [12 * Self.hour], zone: "America/New_York") == [
                "2099-07-01 16:00:00"
            ])
        #expect(
            try utc("20990108", [12 * Self.hour], zone: "America/New_York") == [
                "2099-01-08 17:00:00"
            ])
    }

    @Test func zonesThatAreNotThere() throws {
        for zone in ["America/New_Yrok", "../../etc/passwd", "", "America", "/etc/passwd"] {
            let fault = #expect(throws: ConnectorError.self) {
                try utc("20131007", [0], zone: zone)
            }
            #expect(fault?.code == "unknownTimeZone")
        }
        #expect(try utc("20131007", [0], zone: "+05:30") == ["2013-10-06 18:30:00"])
    }

    @Test func timesOutsideTheDayAreRejected() throws {
        let content = try readCSV(
            Array("-1\n86400000\n86399999\n".utf8), name: "2013_10_07.csv"
        ) { spec in
            var time = FeedColumn("time", .timestamp, from: .index(0))
            time.timestampFormat = .millisSinceMidnight
            spec.columns = [time]
            spec.hasHeader = false
        }
        #expect(content.rows.count == 1 && content.malformed.count == 2)
    }
}
