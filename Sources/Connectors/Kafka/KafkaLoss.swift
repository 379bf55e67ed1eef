import ConnectorAPI

/// Messages that a job needs and that are gone: what is said of each kind.
enum KafkaLoss {
    /// The code of messages that retention took, or somebody deleted.
    static let code = "messagesLost"

    private static let waysOut =
        "clear the job's checkpoint and outputs and start over, or run a job of another name with "
        + "\"startingOffsets\""

    /// The partition begins behind what is needed.
    static func retention(_ split: SplitID, wanted: Int64, first: Int64) -> ConnectorError {
        ConnectorError(
            code,
            "the job needs offset \(wanted), and the partition begins at \(first): "
                + "\(first - wanted) offsets are gone (retention, or somebody deleted them). To go "
                + "on without them set \"failOnDataLoss\": false; else \(waysOut)",
            at: "\(split)", fault: .damage)
    }

    /// The partition ends before what was read.
    static func tooShort(_ split: SplitID, read: Int64, end: Int64) -> ConnectorError {
        ConnectorError(
            "topicTooShort",
            "the partition ends at \(end), and the job has read up to \(read): the topic was made "
                + "anew, or its newest messages were lost. Restore it, or \(waysOut)",
            at: "\(split)", fault: .damage)
    }

    /// Another message stands where one was read.
    static func otherMessage(_ split: SplitID, at offset: Int64) -> ConnectorError {
        ConnectorError(
            "anotherTopic",
            "at offset \(offset) there is another message than the job has read: the topic was made "
                + "anew, or its newest messages were lost and written again. Restore it, or "
                + waysOut, at: "\(split)", fault: .damage)
    }

    /// A partition is not there.
    static func gone(_ split: SplitID, wanted: Int64) -> ConnectorError {
        ConnectorError(
            "noSuchPartition",
            "the job needs offset \(wanted) of a partition that the cluster does not have. Restore "
                + "the topic, set \"failOnDataLoss\": false to go on without the partition, or "
                + waysOut, at: "\(split)", fault: .damage)
    }
}
