import Columnar
public import ConnectorAPI
import Expressions
import JSON
public import Settings

extension Job {
    /// The job as JSON with sorted keys, without comments, variables as they are written: what a
    /// checkpoint keeps, so that `replay` can run without the file.
    ///
    /// Secrets stay in the environment.
    public var canonicalText: String { text.unexpanded.text(keys: .sorted) }

    /// How a job differs from the one that a checkpoint was made by, with what Spark's rules of
    /// recovery say of each change; empty when they mean the same.
    ///
    /// Defaults count as if they were written, and expressions are compared by what they mean as
    /// far as the columns are known. Queries are matched by name, sinks by what they own.
    ///
    /// - Parameters:
    ///   - old: the job that the checkpoint was made by.
    ///   - new: the job that is to go on.
    ///   - columns: the columns of the logs, for jobs that do not say what they are.
    /// - Returns: the fields that differ, in the order of the reference.
    public static func difference(
        from old: Job, to new: Job, columns: [SourceColumns]? = nil
    ) -> [SettingDifference] {
        var comparison = SettingsComparison(
            oldMeanings: old.meanings(columns), newMeanings: new.meanings(columns))
        comparison.compare(old.filled, new.filled, new.format.job)
        return comparison.found
    }

    /// What the expressions of sources and queries mean, by field; empty when the columns are
    /// unknown.
    private func meanings(_ columns: [SourceColumns]?) -> [String: SettingMeaning] {
        guard let columns = declaredColumns ?? columns, columns.count == sources.count,
            let plan = try? plan(columns)
        else { return [:] }
        var meanings: [String: SettingMeaning] = [:]
        for source in plan.sources {
            guard let shape = source.shape else { continue }
            // What the queries read is the columns, whatever they are made of.
            let columns = shape.outputSchema.description
            for (key, spelling) in QueryPlan.projection(shape).spellings {
                meanings["sources[\(source.name)].\(key)"] =
                    SettingMeaning(
                        spelling, effects: key == "select" ? [.init(columns)] : [])
            }
        }
        for query in plan.queries {
            for (key, spelling) in query.plan.spellings {
                meanings["queries[\(query.name)].\(key)"] =
                    SettingMeaning(spelling, effects: query.effects(of: key))
            }
        }
        return meanings
    }
}

extension PlannedQuery {
    /// What depends on an expression of a query with aggregates: state on the aggregates in it, which
    /// may be put together in another way; tables on the types of the columns that come out, which
    /// may come and go.
    fileprivate func effects(of key: String) -> [SettingMeaning.Effect] {
        guard let plan = plan.aggregation, key == "select" || key == "having" else {
            return []
        }
        let aggregates = plan.aggregates.map { call in
            (id: "\(call.meaning) \(call.filter?.text ?? "") \(call.type)", shown: call.text)
        }
        let types = outputSchema.fields.map { ($0.name, "\($0.type)") }
        let columns = SettingMeaning.Effect(
            parts: Dictionary(types, uniquingKeysWith: { first, _ in first }),
            reason: "the rows so far have a column of that name and another type; give the new one "
                + "another name")
        // In whatever order and spelling: the state's files say which is which.
        return [.init(members: aggregates)]
            + (key == "select" ? [columns] : [])
    }
}

extension QueryPlan {
    /// The expressions of a query in one spelling, by the key that holds them.
    fileprivate var spellings: [String: [String]] {
        func texts(_ columns: [NamedExpression]) -> [String] {
            columns.map { "\($0.expression.text) AS \($0.name)" }
        }
        let condition = filter.map { [$0.text] } ?? []
        guard let grouped = aggregation else {
            return ["where": condition, "select": texts(output)]
        }
        // Output and having speak of aggregates by number: the list says what they are.
        let aggregates = grouped.aggregates.map(\.text)
        return [
            "where": condition,
            "groupBy": texts(grouped.keys) + [grouped.window?.meaning ?? ""],
            "select": texts(output) + aggregates,
            "having": (grouped.having.map { [$0.text] } ?? []) + aggregates,
        ]
    }
}
