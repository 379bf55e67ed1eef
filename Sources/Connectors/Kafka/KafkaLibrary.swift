import CRdKafka
import ConnectorAPI
import Network
import Synchronization

/// librdkafka's functions, looked up once a process, by the first job that needs them.
///
/// The members have the names of librdkafka's functions without `rd_kafka_`.
// `@unchecked`: function pointers that never change.
@safe
final class KafkaLibrary: @unchecked Sendable {
    static let name = DynamicLibrary.Name(
        "librdkafka", files: ["librdkafka.so.1"], package: "librdkafka1")
    /// The oldest version that has what is used: offsets in transactions, stable offsets.
    static let versionMin: Int32 = 0x0106_01ff
    private static let opened = Mutex<KafkaLibrary?>(nil)

    let version: rdk_version_fn
    let err2str: rdk_err_text_fn
    let err2name: rdk_err_text_fn
    let lastError: rdk_last_error_fn
    let confNew: rdk_conf_new_fn
    let confDestroy: rdk_conf_destroy_fn
    let confSet: rdk_conf_set_fn
    let confDump: rdk_conf_dump_fn
    let confDumpFree: rdk_conf_dump_free_fn
    let confSetOpaque: rdk_conf_set_opaque_fn
    let confSetLog: rdk_conf_set_log_cb_fn
    let confSetError: rdk_conf_set_error_cb_fn
    let confSetDelivery: rdk_conf_set_delivery_cb_fn
    let confSetOffsetCommit: rdk_conf_set_offset_commit_cb_fn
    let new: rdk_new_fn
    let destroyFlags: rdk_destroy_flags_fn
    let opaque: rdk_opaque_fn
    let poll: rdk_poll_fn
    let fatalError: rdk_fatal_error_fn
    let clusterID: rdk_cluster_id_fn
    let memFree: rdk_mem_free_fn
    let metadata: rdk_metadata_fn
    let metadataDestroy: rdk_metadata_destroy_fn
    let topicNew: rdk_topic_new_fn
    let topicDestroy: rdk_topic_destroy_fn
    let partitionsNew: rdk_partitions_new_fn
    let partitionsDestroy: rdk_partitions_destroy_fn
    let partitionsAdd: rdk_partitions_add_fn
    let offsetsForTimes: rdk_offsets_for_times_fn
    let watermarks: rdk_watermarks_fn
    let commit: rdk_commit_fn
    let committed: rdk_committed_fn
    let consumeStart: rdk_consume_start_fn
    let consumeStop: rdk_consume_stop_fn
    let consume: rdk_consume_fn
    let consumeBatch: rdk_consume_batch_fn
    let messageDestroy: rdk_message_destroy_fn
    let messageTimestamp: rdk_message_timestamp_fn
    let messageHeaders: rdk_message_headers_fn
    let headerGetLast: rdk_header_get_last_fn
    let produceva: rdk_produceva_fn
    let flush: rdk_flush_fn
    let purge: rdk_purge_fn
    let initTransactions: rdk_init_transactions_fn
    let beginTransaction: rdk_begin_transaction_fn
    let commitTransaction: rdk_commit_transaction_fn
    let abortTransaction: rdk_abort_transaction_fn
    let sendOffsets: rdk_send_offsets_fn
    let groupNew: rdk_group_new_fn
    let groupDestroy: rdk_group_destroy_fn
    let errorCode: rdk_error_code_fn
    let errorString: rdk_error_string_fn
    let errorIsRetriable: rdk_error_flag_fn
    let errorIsFatal: rdk_error_flag_fn
    let errorDestroy: rdk_error_destroy_fn

    /// The library of this process.
    ///
    /// - Throws: what is to be installed, where it is missing.
    static func shared() throws(ConnectorError) -> KafkaLibrary {
        try opened.withLock { (known) throws(ConnectorError) in
            if let known { return known }
            let library = try open()
            known = library
            return library
        }
    }

    /// The library, if some job has opened it.
    static var ifOpen: KafkaLibrary? { opened.withLock { $0 } }

    private static func open() throws(ConnectorError) -> KafkaLibrary {
        do {
            let library = try DynamicLibrary(name)
            let table = try KafkaLibrary(library)
            guard table.version() >= versionMin else {
                throw ConnectorError(
                    "librdkafka",
                    "librdkafka is older than 1.6.1, which is needed; install a newer "
                        + "one, or name its file with \(name.variable)", at: library.file)
            }
            return table
        } catch let error as ConnectorError {
            throw error
        } catch {
            throw ConnectorError("librdkafka", "\(error)")
        }
    }

    private init(_ library: DynamicLibrary) throws(DynamicLibraryError) {
        // Safe: the types are those of librdkafka's header, which are kept for ever.
        version = unsafe try library.function("rd_kafka_version")
        unsafe err2str = unsafe try library.function("rd_kafka_err2str")
        unsafe err2name = unsafe try library.function("rd_kafka_err2name")
        lastError = unsafe try library.function("rd_kafka_last_error")
        unsafe confNew = unsafe try library.function("rd_kafka_conf_new")
        unsafe confDestroy = unsafe try library.function("rd_kafka_conf_destroy")
        unsafe confSet = unsafe try library.function("rd_kafka_conf_set")
        unsafe confDump = unsafe try library.function("rd_kafka_conf_dump")
        unsafe confDumpFree = unsafe try library.function("rd_kafka_conf_dump_free")
        unsafe confSetOpaque = unsafe try library.function("rd_kafka_conf_set_opaque")
        unsafe confSetLog = unsafe try library.function("rd_kafka_conf_set_log_cb")
        unsafe confSetError = unsafe try library.function("rd_kafka_conf_set_error_cb")
        unsafe confSetDelivery = unsafe try library.function("rd_kafka_conf_set_dr_msg_cb")
        unsafe confSetOffsetCommit = unsafe try library.function(
            "rd_kafka_conf_set_offset_commit_cb")
        unsafe new = unsafe try library.function("rd_kafka_new")
        unsafe destroyFlags = unsafe try library.function("rd_kafka_destroy_flags")
        unsafe opaque = unsafe try library.function("rd_kafka_opaque")
        unsafe poll = unsafe try library.function("rd_kafka_poll")
        unsafe fatalError = unsafe try library.function("rd_kafka_fatal_error")
        unsafe clusterID = unsafe try library.function("rd_kafka_clusterid")
        unsafe memFree = unsafe try library.function("rd_kafka_mem_free")
        unsafe metadata = unsafe try library.function("rd_kafka_metadata")
        unsafe metadataDestroy = unsafe try library.function("rd_kafka_metadata_destroy")
        unsafe topicNew = unsafe try library.function("rd_kafka_topic_new")
        unsafe topicDestroy = unsafe try library.function("rd_kafka_topic_destroy")
        unsafe partitionsNew = unsafe try library.function("rd_kafka_topic_partition_list_new")
        unsafe partitionsDestroy = unsafe try library.function(
            "rd_kafka_topic_partition_list_destroy")
        unsafe partitionsAdd = unsafe try library.function("rd_kafka_topic_partition_list_add")
        unsafe offsetsForTimes = unsafe try library.function("rd_kafka_offsets_for_times")
        unsafe watermarks = unsafe try library.function("rd_kafka_get_watermark_offsets")
        unsafe commit = unsafe try library.function("rd_kafka_commit")
        unsafe committed = unsafe try library.function("rd_kafka_committed")
        unsafe consumeStart = unsafe try library.function("rd_kafka_consume_start")
        unsafe consumeStop = unsafe try library.function("rd_kafka_consume_stop")
        unsafe consume = unsafe try library.function("rd_kafka_consume")
        unsafe consumeBatch = unsafe try library.function("rd_kafka_consume_batch")
        unsafe messageDestroy = unsafe try library.function("rd_kafka_message_destroy")
        unsafe messageTimestamp = unsafe try library.function("rd_kafka_message_timestamp")
        unsafe messageHeaders = unsafe try library.function("rd_kafka_message_headers")
        unsafe headerGetLast = unsafe try library.function("rd_kafka_header_get_last")
        unsafe produceva = unsafe try library.function("rd_kafka_produceva")
        unsafe flush = unsafe try library.function("rd_kafka_flush")
        unsafe purge = unsafe try library.function("rd_kafka_purge")
        unsafe initTransactions = unsafe try library.function("rd_kafka_init_transactions")
        unsafe beginTransaction = unsafe try library.function("rd_kafka_begin_transaction")
        unsafe commitTransaction = unsafe try library.function("rd_kafka_commit_transaction")
        unsafe abortTransaction = unsafe try library.function("rd_kafka_abort_transaction")
        unsafe sendOffsets = unsafe try library.function("rd_kafka_send_offsets_to_transaction")
        unsafe groupNew = unsafe try library.function("rd_kafka_consumer_group_metadata_new")
        unsafe groupDestroy = unsafe try library.function(
            "rd_kafka_consumer_group_metadata_destroy")
        unsafe errorCode = unsafe try library.function("rd_kafka_error_code")
        unsafe errorString = unsafe try library.function("rd_kafka_error_string")
        unsafe errorIsRetriable = unsafe try library.function("rd_kafka_error_is_retriable")
        unsafe errorIsFatal = unsafe try library.function("rd_kafka_error_is_fatal")
        unsafe errorDestroy = unsafe try library.function("rd_kafka_error_destroy")
    }
}
