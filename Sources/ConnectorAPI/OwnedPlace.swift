public import Settings

/// Something in the world that a part of a job reads or writes and that no other part may touch.
public struct OwnedPlace: Hashable, Sendable {
    /// What it is.
    public enum Place: Hashable, Sendable {
        /// A directory, as the job writes its path; what is inside belongs to it.
        case directory(String)
        /// Something elsewhere, named so that equal names are one thing:
        /// `postgres:db:5432/market.public.bars`.
        case external(String)
    }

    /// What it is.
    public let place: Place
    /// The setting that names it, from the connector's object.
    public let setting: JSONPointer
    /// What it is for, in words (`the log`); `nil` leaves that to who asks.
    public let role: String?

    /// A place that a setting names.
    public init(_ place: Place, at setting: JSONPointer, role: String? = nil) {
        self.place = place
        self.setting = setting
        self.role = role
    }

    /// A directory that the setting `path` names.
    public static func directory(
        _ path: String, at setting: JSONPointer = .here["path"], role: String? = nil
    ) -> OwnedPlace {
        OwnedPlace(.directory(path), at: setting, role: role)
    }

    /// The directory's path, if it is one.
    public var directory: String? {
        if case .directory(let path) = place { path } else { nil }
    }

    /// The text that tells it from other places.
    public var name: String {
        switch place {
        case .directory(let path): path
        case .external(let name): name
        }
    }

    /// Whether two places are one, or one lies inside the other.
    public func overlaps(_ other: OwnedPlace) -> Bool {
        switch (place, other.place) {
        case (.directory(let one), .directory(let two)):
            let (mine, theirs) = (Self.components(one), Self.components(two))
            return mine.starts(with: theirs) || theirs.starts(with: mine)
        case (.external(let one), .external(let two)): return one == two
        default: return false
        }
    }

    private static func components(_ path: String) -> [Substring] {
        let root: [Substring] = path.hasPrefix("/") ? ["/"] : []
        return root + path.split(separator: "/").filter { $0 != "." }
    }
}
