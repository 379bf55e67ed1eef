import Network
import Synchronization

/// libpq's functions that this connector calls, looked up once: its ABI is stable since version 5
/// of the library (PostgreSQL 8.0), so nothing of it is needed when this program is built.
///
/// Source: PostgreSQL's documentation, chapter "libpq - C Library".
// `@unchecked`: function pointers, which never change.
@safe
struct LibPQ: @unchecked Sendable {
    typealias Connection = OpaquePointer
    typealias Reply = OpaquePointer
    typealias Texts = UnsafePointer<UnsafePointer<CChar>?>

    let connect: @convention(c) (Texts?, Texts?, Int32) -> Connection?
    let finish: @convention(c) (Connection?) -> Void
    let status: @convention(c) (Connection?) -> Int32
    let transactionStatus: @convention(c) (Connection?) -> Int32
    let serverVersion: @convention(c) (Connection?) -> Int32
    let errorMessage: @convention(c) (Connection?) -> UnsafePointer<CChar>?
    let parameterStatus:
        @convention(c) (Connection?, UnsafePointer<CChar>?) -> UnsafePointer<CChar>?
    let host: @convention(c) (Connection?) -> UnsafePointer<CChar>?
    let port: @convention(c) (Connection?) -> UnsafePointer<CChar>?
    let database: @convention(c) (Connection?) -> UnsafePointer<CChar>?
    let user: @convention(c) (Connection?) -> UnsafePointer<CChar>?
    let setNoticeProcessor:
        @convention(c) (
            Connection?, @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?) -> Void,
            UnsafeMutableRawPointer?
        ) -> UnsafeRawPointer?
    let run: @convention(c) (Connection?, UnsafePointer<CChar>?) -> Reply?
    let runWithParameters:
        @convention(c) (
            Connection?, UnsafePointer<CChar>?, Int32, UnsafePointer<UInt32>?, Texts?,
            UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
        ) -> Reply?
    let nextReply: @convention(c) (Connection?) -> Reply?
    let putCopyData: @convention(c) (Connection?, UnsafePointer<CChar>?, Int32) -> Int32
    let putCopyEnd: @convention(c) (Connection?, UnsafePointer<CChar>?) -> Int32
    let replyStatus: @convention(c) (Reply?) -> Int32
    let replyField: @convention(c) (Reply?, Int32) -> UnsafePointer<CChar>?
    let replyMessage: @convention(c) (Reply?) -> UnsafePointer<CChar>?
    let commandTag: @convention(c) (Reply?) -> UnsafePointer<CChar>?
    let rowCount: @convention(c) (Reply?) -> Int32
    let columnCount: @convention(c) (Reply?) -> Int32
    let value: @convention(c) (Reply?, Int32, Int32) -> UnsafePointer<CChar>?
    let isNull: @convention(c) (Reply?, Int32, Int32) -> Int32
    let clear: @convention(c) (Reply?) -> Void

    private static let name = DynamicLibrary.Name(
        "libpq", files: ["libpq.so.5"], package: "libpq5")
    private static let opened = Mutex<LibPQ?>(nil)

    /// The library, opened by the first call.
    static func open() throws(DynamicLibraryError) -> LibPQ {
        try opened.withLock { (known) throws(DynamicLibraryError) in
            if let known { return known }
            let library = try LibPQ(DynamicLibrary(name))
            known = library
            return library
        }
    }

    private init(_ library: DynamicLibrary) throws(DynamicLibraryError) {
        unsafe connect = try unsafe library.function("PQconnectdbParams")
        unsafe finish = try unsafe library.function("PQfinish")
        unsafe status = try unsafe library.function("PQstatus")
        unsafe transactionStatus = try unsafe library.function("PQtransactionStatus")
        unsafe serverVersion = try unsafe library.function("PQserverVersion")
        unsafe errorMessage = try unsafe library.function("PQerrorMessage")
        unsafe parameterStatus = try unsafe library.function("PQparameterStatus")
        unsafe host = try unsafe library.function("PQhost")
        unsafe port = try unsafe library.function("PQport")
        unsafe database = try unsafe library.function("PQdb")
        unsafe user = try unsafe library.function("PQuser")
        unsafe setNoticeProcessor = try unsafe library.function("PQsetNoticeProcessor")
        unsafe run = try unsafe library.function("PQexec")
        unsafe runWithParameters = try unsafe library.function("PQexecParams")
        unsafe nextReply = try unsafe library.function("PQgetResult")
        unsafe putCopyData = try unsafe library.function("PQputCopyData")
        unsafe putCopyEnd = try unsafe library.function("PQputCopyEnd")
        unsafe replyStatus = try unsafe library.function("PQresultStatus")
        unsafe replyField = try unsafe library.function("PQresultErrorField")
        unsafe replyMessage = try unsafe library.function("PQresultErrorMessage")
        unsafe commandTag = try unsafe library.function("PQcmdStatus")
        unsafe rowCount = try unsafe library.function("PQntuples")
        unsafe columnCount = try unsafe library.function("PQnfields")
        unsafe value = try unsafe library.function("PQgetvalue")
        unsafe isNull = try unsafe library.function("PQgetisnull")
        unsafe clear = try unsafe library.function("PQclear")
    }
}
