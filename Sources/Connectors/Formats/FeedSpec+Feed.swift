public import ConnectorAPI
public import Jobs
import SimulatorConnector
public import Storage
import TextConnector

extension FeedSpec {
    /// The feed that a job describes, at its start.
    ///
    /// - Throws: ``ConnectorError`` when its files do not exist or a setting cannot work.
    public func makeFeed(
        files: any FileSystem, time: any TimeSource = SystemTime()
    ) throws -> any Feed {
        switch self {
        case .simulator(let spec): try SimulatorFeed(spec, time: time)
        case .csv(let spec): try CSVFeed(spec, files: files, time: time)
        case .json(let spec): try JSONLinesFeed(spec, files: files, time: time)
        }
    }
}
