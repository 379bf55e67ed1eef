import Columnar
import Expressions
import JSON
import Operators

extension JobPlanner {
    /// Which output modes a query can have.
    mutating func checkMode(
        _ query: IndexedQuery, _ plan: QueryPlan, watermarkColumn: Int?, upstream: OutputMode?
    ) {
        let mode = query.spec.outputMode
        // Whether rows are bounded is unknown then; the watermark's own fault is noted.
        if isWatermarkFaulty, mode == .append { return }
        let faults = Operators.check(
            plan, mode: mode, watermarkColumn: watermarkColumn, upstream: upstream,
            allowsSessionUpdate: allowsSessionUpdate)
        var hint = ""
        if union.isWatermarked, watermarkColumn == nil, let from = query.spec.from,
            source(named: from) == nil
        {
            hint =
                " The job's watermark reaches this query through an event-time column or the end "
                + "of a window: select `window_time(window)` or `window.end` in query \"\(from)\"."
        }
        for fault in faults {
            note(.badOutputMode, fault.message.asSentence + hint, at: query.pointer["outputMode"])
            hint = ""
        }
        if case .projection = plan, let upstream, upstream != .append, mode != upstream {
            note(
                .badOutputMode,
                "Query \"\(query.spec.from ?? "")\" has outputMode `\(upstream.rawValue)`, whose "
                    + "rows change later; give it `append`, or this query `\(upstream.rawValue)`.",
                at: query.pointer["outputMode"])
        }
    }

    /// Checks that sinks can take the rows; gives them with the keys of tables filled in.
    mutating func checkSinks(_ query: IndexedQuery, _ plan: QueryPlan) -> [SinkSpec] {
        query.spec.sinks.enumerated().map { index, sink in
            let place = query.pointer["sinks"][index]
            switch sink {
            case .parquet(let spec):
                check(spec, query, plan.outputSchema, at: place)
                return sink
            case .delta(var spec):
                checkPartitions(spec.partitionBy, plan.outputSchema, at: place)
                if let fault = plan.outputSchema.deltaNameFault {
                    note(.badValue, fault.asSentence, at: place)
                }
                spec.keys = checkedKeys(spec.keys, "delta table", query, plan, at: place)
                return .delta(spec)
            case .table(var spec):
                if query.spec.outputMode == .append, !query.isModeFaulty {
                    note(
                        .badOutputMode,
                        "A table sink needs output mode \"complete\" or \"update\", since every "
                            + "batch replaces its rows; use a \"parquet\" sink for \"append\".",
                        at: place["format"])
                }
                spec.keys = checkedKeys(spec.keys, "table", query, plan, at: place)
                return .table(spec)
            case .console: return sink
            }
        }
    }

    private mutating func check(
        _ spec: ParquetSinkSpec, _ query: IndexedQuery, _ schema: Schema, at place: JSONPointer
    ) {
        if query.spec.outputMode != .append, !query.isModeFaulty {
            note(
                .badOutputMode,
                "A parquet sink needs output mode \"append\", since its files are never changed; "
                    + "this query has \"\(query.spec.outputMode.rawValue)\". Use a \"table\" sink, "
                    + "or mode \"append\".", at: place["format"])
        }
        checkPartitions(spec.partitionBy, schema, at: place)
        for (index, name) in spec.bloomFilter.enumerated() {
            let place = place["bloomFilter"][index]
            checkOutput(name, schema, at: place)
            if spec.bloomFilter[..<index].contains(name) {
                note(.duplicate, "\"\(name)\" is listed twice.", at: place)
            } else if spec.partitionBy.contains(name) {
                note(
                    .badValue,
                    "\"\(name)\" is in \"partitionBy\": it is a directory, not in the files.",
                    at: place)
            } else if schema.fields.contains(where: { $0.name == name && $0.type == .boolean }) {
                note(
                    .badValue, "\"\(name)\" is a boolean, which has no bloom filter.", at: place)
            }
        }
    }

    private mutating func checkPartitions(
        _ partitionBy: [String], _ schema: Schema, at place: JSONPointer
    ) {
        for (index, name) in partitionBy.enumerated() {
            checkOutput(name, schema, at: place["partitionBy"][index])
            if schema.index(of: name).map({ schema[$0].type }) == .binary {
                note(
                    .wrongType, "Bytes have no place in a path; cast \"\(name)\" to a string.",
                    at: place["partitionBy"][index])
            }
            if partitionBy[..<index].contains(name) {
                note(
                    .duplicate, "\"\(name)\" is listed twice.", at: place["partitionBy"][index])
            }
        }
        if schema.fields.allSatisfy({ partitionBy.contains($0.name) }) {
            note(
                .badValue, "Every column is in \"partitionBy\"; leave one for the files.",
                at: place["partitionBy"])
        }
    }

    private mutating func checkOutput(_ name: String, _ schema: Schema, at pointer: JSONPointer) {
        guard schema.index(of: name) == nil else { return }
        let similar = nearest(to: name, among: schema.names)
        note(
            .unknownName,
            "No output column is named \"\(JSONValue.escaped(name))\"." + didYouMean(similar)
                + " Columns: \(schema.names.joined(separator: ", ")).",
            at: pointer, suggestion: similar)
    }

    private mutating func checkedKeys(
        _ keys: [String], _ noun: String, _ query: IndexedQuery, _ plan: QueryPlan,
        at place: JSONPointer
    ) -> [String] {
        for (index, name) in keys.enumerated() {
            checkOutput(name, plan.outputSchema, at: place["keys"][index])
        }
        if query.isModeFaulty { return keys }
        switch query.spec.outputMode {
        case .append where noun != "table" && !keys.isEmpty:
            note(
                .badValue,
                "\"keys\" are for output mode \"update\"; in mode \"append\" rows are added.",
                at: place["keys"])
        case .complete where !keys.isEmpty:
            note(
                .badValue,
                "\"keys\" are for output mode \"update\"; in mode \"complete\" all rows are "
                    + "replaced.", at: place["keys"])
        case .update where keys.isEmpty:
            if let keys = plan.selectedGrouping { return keys }
            note(
                .missingKey,
                "A \(noun) in output mode \"update\" needs \"keys\", the columns that identify "
                    + "a row, or every grouping column in \"select\".", at: place)
        default: break
        }
        return keys
    }
}

extension String {
    /// The text with a capital and a full stop.
    var asSentence: String {
        prefix(1).uppercased() + dropFirst() + (hasSuffix(".") ? "" : ".")
    }
}

extension QueryPlan {
    /// The output columns that are the grouping columns, if all of them are there: of a window,
    /// start or end is enough.
    fileprivate var selectedGrouping: [String]? {
        guard case .aggregation(let plan) = self else { return nil }
        var names: [String] = []
        var groups = plan.keys.indices.map { [$0] }
        if let start = plan.windowStartIndex { groups.append([start, start + 1]) }
        for group in groups {
            let column = plan.output.first { output in
                output.expression.columnIndex.map(group.contains) ?? false
            }
            guard let column else { return nil }
            names.append(column.name)
        }
        return names.isEmpty ? nil : names
    }
}
