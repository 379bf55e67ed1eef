import Columnar
public import Settings

// What each place of a job file may hold, with an answer to whoever looks for something else there.

extension ConnectorRegistry {
    private enum Place: CaseIterable {
        case source, feed, sink

        var noun: String {
            switch self {
            case .source: "a kind of source"
            case .feed: "a kind of feed, which fills a log that a source reads"
            case .sink: "a kind of sink"
            }
        }

        /// The way for what there is no format for.
        var elsewhere: String {
            switch self {
            case .source, .feed:
                "Rows of anything else come into a log by standard input: PROGRAM | streamer log "
                    + "append LOG -"
            case .sink:
                "Other programs read the files of a table, or what 'streamer lake export' prints."
            }
        }
    }

    private func words(_ place: Place) -> [String] {
        switch place {
        case .source: sources.compactMap(\.shape.tag)
        case .feed: feeds.compactMap(\.shape.tag)
        case .sink: sinks.compactMap(\.shape.tag)
        }
    }

    private func answer(to word: String, in place: Place) -> String? {
        guard nearest(to: word, among: words(place)) == nil else { return nil }
        let others = Place.allCases.filter { $0 != place && words($0).contains(word) }
        guard let other = others.first else { return place.elsewhere }
        return "It is \(other.noun)."
    }

    private func answering(_ shapes: [ObjectShape], _ place: Place) -> [ObjectShape] {
        shapes.map { shape in shape.answering { answer(to: $0, in: place) } }
    }

    /// The settings of each kind of source.
    public var sourceShapes: [ObjectShape] { answering(sources.map(\.shape), .source) }
    /// The settings of each kind of feed.
    public var feedShapes: [ObjectShape] { answering(feeds.map(\.shape), .feed) }
    /// The settings of each kind of sink.
    public var sinkShapes: [ObjectShape] { answering(sinks.map(\.shape), .sink) }

    /// What a word is that is a format; `nil` for other words.
    public func noun(of word: String) -> String? {
        Place.allCases.first { words($0).contains(word) }?.noun
    }
}
