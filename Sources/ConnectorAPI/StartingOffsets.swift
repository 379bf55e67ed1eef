public import Columnar

/// Where a new job begins to read a source; one that has a checkpoint goes on from there.
public enum StartingOffsets: Hashable, Sendable {
    /// At the oldest row that is kept.
    case earliest
    /// After the newest row.
    case latest
    /// At these offsets; a split that is not listed begins at its earliest.
    case at(SourceOffsets)
    /// In every split at the first row with this event time or a later one.
    case time(EventTime)
    /// Where ``Source/start()`` says, once.
    case sourceDecides
}
