public import ConnectorAPI
import JSON
import Settings

extension Job {
    /// The JSON Schema (draft 2020-12) of job files with the formats of a registry, generated from
    /// the tables that the loader follows; `jobs/job.schema.json` is this text.
    ///
    /// The schema accepts every file that the loader accepts, but knows less: expressions, names
    /// of columns and rules between values are the loader's.
    public static func schemaText(_ registry: ConnectorRegistry) -> String {
        let title = "streamer job, version \(JobFormat.version)"
        return JobFormat(registry).job.jsonSchema(title: title).text(layout: .pretty) + "\n"
    }

    /// Every key of a job file in Markdown tables, generated from the tables that the loader
    /// follows; part of `docs/job-reference.md`.
    public static func referenceTables(_ registry: ConnectorRegistry) -> String {
        JobFormat(registry).job.referenceTables
    }
}
