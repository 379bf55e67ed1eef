import Columnar
import Expressions
public import Jobs
import Operators

/// A job as a PySpark program for Apache Spark 4.2 or later: the same queries under the same names,
/// the same expressions, the same tables.
///
/// The program is one file. It reads the tick log itself, with a data source that it brings along.
public struct SparkProgram: Sendable {
    /// The program's text.
    public let text: String

    /// Translates a job.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - plan: its queries over the log's columns.
    ///   - takesAnyDuplicate: whether any of the rows that are duplicates of each other may be the
    ///     one that `dropDuplicates` keeps, as in Spark; otherwise it is refused.
    /// - Throws: everything that Spark cannot do, in one go.
    public init(
        _ job: Job, _ plan: JobPlan, takesAnyDuplicate: Bool = false
    ) throws(SparkExportErrors) {
        var translation = Translation(job, plan, takesAnyDuplicate: takesAnyDuplicate)
        translation.translate()
        guard translation.reasons.isEmpty else { throw SparkExportErrors(translation.reasons) }
        text = Self.text(translation)
    }

    private static func text(_ translation: Translation) -> String {
        let job = translation.job
        return """
            \"""The job \(job.name) on Apache Spark 4.2 or later, as `streamer spark` writes it.

            Run it where the job would run: paths are relative to the current folder.
                spark-submit THIS_FILE [--master URL] [--into DIR]
            \"""

            \(importCode)

            JOB = \(job.name.python)
            TICKS = \(translation.logView.python)
            WATERMARK = \(translation.watermark(job.watermark).text)
            IDLE = \(PythonValue.boolean(job.closingAfterMs != nil).text)
            BOUNDED = \(PythonValue.boolean(job.trigger.isBounded).text)
            TRIGGER = \(translation.trigger.text)
            CHECKPOINT = \((job.checkpointLocation + "-spark").python)
            CONF = \(PythonValue.dictionary(translation.configuration).lines)

            # The logs in the order of the job, each with what is made of its rows.
            SOURCES = \(PythonValue.list(translation.sources).lines)

            # Each query as a view; `table`: it reads what another one has written.
            QUERIES = \(PythonValue.list(translation.queries.map(\.python)).lines)

            # What is written: each entry is one streaming query of Spark.
            STREAMS = \(PythonValue.list(translation.streams).lines)


            \(sourceCode)


            \(runningCode)

            """
    }
}

/// Why a job has no equal on Spark.
public struct SparkExportErrors: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence for each thing that Spark cannot do, with the remedy.
    public let reasons: [String]

    init(_ reasons: [String]) {
        precondition(!reasons.isEmpty, "a refused job names a reason")
        self.reasons = reasons
    }

    /// One line a reason.
    public var description: String { reasons.joined(separator: "\n") }
}
