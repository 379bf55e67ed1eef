import ConnectorAPI
import Testing

@testable import PostgresConnector

/// What a job may write for a database and a table, and what it may not.
@Suite struct AddressTests {
    @Test(arguments: [
        ("jdbc:postgresql://db:5433/market", ["host": "db", "port": "5433", "dbname": "market"]),
        ("jdbc:postgresql://db/market", ["host": "db", "port": "5432", "dbname": "market"]),
        ("jdbc:postgresql:market", ["dbname": "market"]),
        (
            "postgresql://a:1,b/m?target_session_attrs=read-write",
            ["host": "a,b", "port": "1,5432", "dbname": "m", "target_session_attrs": "read-write"]
        ),
        ("postgres://[::1]:7/m%20k", ["host": "::1", "port": "7", "dbname": "m k"]),
        (
            "jdbc:postgresql://db/m?ssl=true&targetServerType=primary&ApplicationName=x",
            [
                "host": "db", "port": "5432", "dbname": "m", "sslmode": "verify-full",
                "target_session_attrs": "read-write", "application_name": "x",
            ]
        ),
        ("host=db dbname='my \\'db' port = 6", ["host": "db", "dbname": "my 'db", "port": "6"]),
        ("service=market", ["service": "market"]),
    ])
    func addresses(text: String, parameters: [String: String]) throws {
        #expect(try DatabaseAddress(parsing: text).parameters == parameters)
    }

    @Test(arguments: [
        "jdbc:postgresql://u:SECRET@db/m", "postgresql://u:SECRET@[::1/m", "postgresql:///m@SECRET",
        "jdbc:postgresql://db/m?password=SECRET", "jdbc:postgresql://db/m?user=SECRET",
        "host=db password=SECRET", "password='SECRET", "jdbc:postgresql://SECRET@", "SECRET",
        "jdbc:postgresql://db:0/SECRET", "jdbc:postgresql://db:70000/SECRET",
        "postgresql://db/%zz", "postgresql://db/%00", "host=db SECRET=1", "",
        "jdbc:postgresql://db/m?x", "jdbc:host=db", "host='SECRET",
    ])
    func refusedAddressesRepeatNothing(text: String) {
        let fault = #expect(throws: DatabaseAddress.Fault.self) {
            try DatabaseAddress(parsing: text)
        }
        #expect(fault?.message.contains("SECRET") == false)
    }

    @Test func loopbackIsKnown() throws {
        for host in ["localhost", "127.0.0.1", "::1", "/run/postgresql"] {
            #expect(try DatabaseAddress(parsing: "host=\(host) dbname=m").isLoopback)
        }
        #expect(try !DatabaseAddress(parsing: "host=127.0.0.1,db dbname=m").isLoopback)
    }

    @Test(arguments: [
        ("Public.T", "\"public\".\"t\""), ("\"Public\".\"T\"", "\"Public\".\"T\""),
        ("t", "\"t\""), ("\"a\"\"b\"", "\"a\"\"b\""), ("_x$1", "\"_x$1\""), ("ünï", "\"ünï\""),
    ])
    func tableNames(text: String, sql: String) throws {
        #expect(try TableName(parsing: text).sql == sql)
    }

    @Test(arguments: [
        "a.b.c", "t; DROP TABLE x", "", "1t", "\"open", "a..b", "a.", "\"\"", "a b", "t--",
        String(repeating: "x", count: 64), "\"a\"b",
    ])
    func whatIsNoTable(text: String) {
        #expect(throws: TableName.Fault.self) { try TableName(parsing: text) }
    }

    @Test func literalsAreSafeWhateverTheServerIsSetTo() {
        #expect(TableName.literal("a'b\\c") == "E'a''b\\\\c'")
    }

    @Test func kindsOfFaults() {
        func kind(_ code: String?) -> PostgresFault.Kind {
            PostgresFault(code: code, message: "").kind
        }
        for code in ["40001", "40P01", "55P03", "08006", "57P01", "53100", "25006", "57014"] {
            #expect(kind(code) == .again)
        }
        #expect(kind(nil) == .again)
        for code in ["22021", "22003", "23502", "23503", "23505", "23514", "P0001"] {
            #expect(kind(code) == .row)
        }
        for code in ["28P01", "42501", "42P10", "0A000", "55000", "53400"] {
            #expect(kind(code) == .never)
        }
        #expect(PostgresFault(code: nil, message: "").leavesCommitUnknown)
        #expect(!PostgresFault(code: "23503", message: "").leavesCommitUnknown)
        #expect(!PostgresFault(code: "40001", message: "").leavesCommitUnknown)
    }

    @Test func textOfAServerIsOnePrintableLine() {
        #expect(PostgresFault.line("a\nb\u{1B}[31m.\n") == "a; b\\u{1B}[31m")
        #expect(PostgresFault.line(String(repeating: "x", count: 5_000)).count == 1_001)
    }
}
