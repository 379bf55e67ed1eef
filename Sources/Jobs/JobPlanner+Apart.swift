import Columnar
import JSON
import Operators
import Settings

extension JobPlanner {
    // MARK: Sources that are read by their names

    /// Plans sources that no query reads together: each has its own columns, and its own event time.
    mutating func keepApart(_ shaped: [ShapedSource], readBy queries: [IndexedQuery]) {
        for source in shaped where !queries.contains(where: { $0.spec.from == source.name }) {
            note(
                .badValue,
                "No query reads source \"\(source.name)\", since every query has a \"from\"; "
                    + "name it there, or remove it.", at: source.source.pointer["name"])
        }
        var indices: [Int?] = Array(repeating: nil, count: shaped.count)
        if let watermark {
            union.watermarks = [shared(watermark, by: shaped)]
            indices = Array(repeating: 0, count: shaped.count)
        }
        union.sources = shaped.enumerated().map { index, source in
            var time = source.timeColumn.flatMap(source.schema.index(of:))
            if let watermark {
                let pointer = JSONPointer.here["watermark"]["eventTime"]
                time = eventTimeColumn(watermark.eventTime, of: source.schema, at: pointer)
            } else if let watermark = source.source.spec.watermark {
                let pointer = source.source.pointer["watermark"]["eventTime"]
                time = eventTimeColumn(watermark.eventTime, of: source.schema, at: pointer)
                indices[index] = union.watermarks.count
                union.watermarks.append(
                    planned(watermark, source.schema, source.name, rejectsOf: source.name))
            }
            return PlannedSource(
                name: source.name, shape: source.shape, columns: nil, schema: source.schema,
                eventTimeColumn: time, watermark: indices[index])
        }
    }

    /// The watermark over the rows of all sources.
    private mutating func shared(
        _ watermark: WatermarkSpec, by shaped: [ShapedSource]
    ) -> PlannedWatermark {
        let schema = shaped[0].schema
        if watermark.rejectsPath != nil, shaped.contains(where: { $0.schema != schema }) {
            note(
                .badValue,
                "Sources whose columns differ cannot share a table of rejects; give each source a "
                    + "\"watermark\" of its own.", at: JSONPointer.here["watermark"]["rejects"])
        }
        return planned(watermark, schema, JobSource.onlyName, rejectsOf: nil)
    }
}

extension ShapedSource {
    /// The source's name.
    fileprivate var name: String { source.spec.name }
}
