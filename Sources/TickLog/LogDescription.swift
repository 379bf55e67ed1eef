import Columnar
import JSON
import Storage

// log.json: one JSON object in one line, written once when the log is created:
//
//     {"version":1,"uuid":"…","timeColumn":"event_time",
//      "schema":[{"name":"symbol","type":"string","nullable":false},…],"checksum":"…16 digits…"}
//
// The checksum is XXH3 of the whole text with its own digits taken as zeros.

/// What a log is: its identity, its columns, and the one that holds the event time.
struct LogDescription: Sendable {
    static let fileName = "log.json"
    static let version: Int64 = 1
    /// A description longer than this is none of ours.
    static let bytesMax = 1 << 20

    let uuid: String
    let schema: Schema
    let timeColumn: String

    /// Seeds every checksum of the log, so that bytes of another log never pass.
    var seed: UInt64 { Checksum.xxh3(Array(uuid.utf8)) }

    /// The index of the event time's column.
    var timeIndex: Int {
        guard let index = schema.index(of: timeColumn) else {
            preconditionFailure("the time column was checked when the description was made")
        }
        return index
    }

    init(uuid: String, schema: Schema, timeColumn: String) throws(TickLogError) {
        guard let index = schema.index(of: timeColumn) else {
            throw TickLogError(
                .invalidArgument,
                "the time column '\(timeColumn)' is not one of the columns "
                    + schema.names.joined(separator: ", "))
        }
        guard schema[index].type == .timestamp else {
            throw TickLogError(
                .invalidArgument,
                "the time column '\(timeColumn)' has the type \(schema[index].type); "
                    + "it must be a timestamp")
        }
        self.uuid = uuid
        self.schema = schema
        self.timeColumn = timeColumn
    }

    /// The text of log.json.
    var text: [UInt8] {
        let fields = schema.fields.map { field -> JSONValue in
            [
                "name": .string(field.name), "type": .string(field.type.description),
                "nullable": .bool(field.isNullable),
            ]
        }
        let object: JSONValue = [
            "version": .integer(Self.version), "uuid": .string(uuid),
            "timeColumn": .string(timeColumn), "schema": .array(fields),
            "checksum": .string(EmbeddedChecksum.placeholder),
        ]
        var bytes = Array(object.text().utf8)
        // The checksum is the last member: its digits end two bytes before the text does.
        let end = bytes.count - 2
        EmbeddedChecksum.write(into: &bytes, at: end - 16..<end, seed: 0)
        return bytes + [UInt8(ascii: "\n")]
    }

    /// Reads the text of log.json; `path` is where it stood, for errors.
    init(_ bytes: [UInt8], _ path: Path) throws(TickLogError) {
        func broken(_ fault: String) -> TickLogError { .damaged(fault, file: path, position: 0) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(bytes)
        } catch {
            throw broken("the log's description is not JSON: \(error)")
        }
        guard let version = value["version"]?.int64Value else {
            throw broken("the log's description has no version")
        }
        guard version <= Self.version else {
            throw TickLogError(
                .newerVersion,
                "the log has version \(version), this program knows \(Self.version); update it",
                file: path)
        }
        guard let uuid = value["uuid"]?.stringValue,
            let timeColumn = value["timeColumn"]?.stringValue,
            let elements = value["schema"]?.elements
        else { throw broken("the log's description lacks uuid, timeColumn or schema") }
        var fields: [Field] = []
        for element in elements {
            guard let name = element["name"]?.stringValue,
                let type = element["type"]?.stringValue.flatMap({ DataType(parsing: $0) }),
                let isNullable = element["nullable"]?.boolValue
            else { throw broken("a column of the log's description lacks name, type or nullable") }
            fields.append(Field(name, type, isNullable: isNullable))
        }
        guard Schema.duplicateName(in: fields) == nil else {
            throw broken("the log's description has a column twice")
        }
        do throws(TickLogError) {
            try self.init(uuid: uuid, schema: Schema(fields), timeColumn: timeColumn)
        } catch {
            throw broken(error.message)
        }
        // Writing it again gives the same bytes, checksum included, or the file was changed.
        guard text == bytes else {
            throw broken("the log's description does not match its checksum")
        }
    }

    /// A random (version 4) UUID.
    static func randomUUID() -> String {
        let high = UInt64.random(in: .min ... .max) & ~0xf000 | 0x4000
        let low = UInt64.random(in: .min ... .max) & ~(3 << 62) | 2 << 62
        let digits = Array((Checksum.hex(high) + Checksum.hex(low)).utf8)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
            .map { String(decoding: digits[$0], as: UTF8.self) }
            .joined(separator: "-")
    }
}
