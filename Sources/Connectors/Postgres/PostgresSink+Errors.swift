import Columnar
import ConnectorAPI

extension PostgresSink {
    /// After so many statements in a row that took too long it is the limit that is wrong.
    private static let cancelledMax = 3

    /// Does work; its faults come as the connector's, each in one sentence.
    func reporting<Result>(
        _ work: () throws -> Result
    ) throws(ConnectorError) -> Result {
        do {
            return try work()
        } catch let error as ConnectorError {
            throw error
        } catch let fault as PostgresFault {
            throw report(fault)
        } catch let fault as WritingPlan.Fault {
            throw failure("target", fault.message)
        } catch let fault as TableName.Fault {
            throw failure("target", fault.message, fault: .settings)
        } catch let dropped as DroppedRows {
            throw failure("rowsDropped", dropped.message)
        } catch let many as TooManyRejects {
            throw failure(
                "tooManyRejects",
                "more than \(counted(Int64(many.countMax), "row")) of the batch cannot be stored, and "
                    + "\"maxRejects\" allows no more; nothing of it is stored")
        } catch {
            throw ConnectorError(error)
        }
    }

    func failure(
        _ code: String, _ message: String, fault: ConnectorError.Fault = .external,
        retry: ConnectorError.Retry = .never
    ) -> ConnectorError {
        ConnectorError(
            code, message, at: "\(PostgresSinkSpec.word) \(name.text) at \(address.place)",
            fault: fault, retry: retry)
    }

    private func report(_ fault: PostgresFault) -> ConnectorError {
        guard fault.kind == .again else {
            if let plan, plan.isOfARow(fault) {
                let hint = spec.rejectsRows ? "" : "; mend it, or set \"onError\" to \"reject\""
                return failure(
                    fault.code ?? "", "a row cannot be stored: \(fault.text)\(hint)")
            }
            return failure(fault.code ?? "", fault.text)
        }
        if fault.code == "57014" {
            cancelledInARow += 1
            if cancelledInARow >= Self.cancelledMax {
                return failure(
                    "57014",
                    "\(fault.text), \(cancelledInARow) times in a row; raise \"queryTimeout\", now "
                        + "\(spec.queryTimeoutMs / 1_000) s")
            }
        }
        triesInARow += 1
        triesAgain += 1
        place.run.notice(
            "\(description) at \(address.place): \(fault.text); attempt \(triesInARow + 1) follows")
        return failure(fault.code ?? "noAnswer", fault.text, retry: .now)
    }

    func refusal(
        _ row: RefusedRow, _ rows: RecordBatch, _ plan: WritingPlan
    ) -> ConnectorError {
        var shown = plan.keys.isEmpty ? Array(rows.schema.names.prefix(3)) : plan.keys
        if let column = row.column, !shown.contains(column) { shown.append(column) }
        let column = row.column.map { "column \"\($0)\", " } ?? ""
        return failure(
            row.code,
            "\(column)row \(row.row) (\(rows.shown(row: row.row, columns: shown))): \(row.message) "
                + "[SQLSTATE \(row.code)]; nothing of the batch is stored. Mend it in the job, or set "
                + "\"onError\" to \"reject\"")
    }
}
