#pragma once
// What of librdkafka's interface is used: the layouts of its public structures and the types of its
// functions, which are looked up when the library is opened. Nothing is linked.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct rdk_client rdk_client;
typedef struct rdk_conf rdk_conf;
typedef struct rdk_topic rdk_topic;
typedef struct rdk_error rdk_error;
typedef struct rdk_headers rdk_headers;
typedef struct rdk_group rdk_group;

/// rd_kafka_message_t.
typedef struct {
    int err;
    rdk_topic *_Nullable topic;
    int32_t partition;
    void *_Nullable payload;
    size_t length;
    void *_Nullable key;
    size_t key_length;
    int64_t offset;
    void *_Nullable opaque;
} rdk_message;

/// rd_kafka_topic_partition_t.
typedef struct {
    char *_Nullable topic;
    int32_t partition;
    int64_t offset;
    void *_Nullable metadata;
    size_t metadata_size;
    void *_Nullable opaque;
    int err;
    void *_Nullable reserved;
} rdk_partition;

/// rd_kafka_topic_partition_list_t.
typedef struct {
    int count;
    int size;
    rdk_partition *_Nullable elements;
} rdk_partitions;

/// rd_kafka_metadata_partition_t.
typedef struct {
    int32_t id;
    int err;
    int32_t leader;
    int replica_count;
    int32_t *_Nullable replicas;
    int isr_count;
    int32_t *_Nullable isrs;
} rdk_metadata_partition;

/// rd_kafka_metadata_topic_t.
typedef struct {
    char *_Nullable topic;
    int partition_count;
    rdk_metadata_partition *_Nullable partitions;
    int err;
} rdk_metadata_topic;

/// rd_kafka_metadata_t.
typedef struct {
    int broker_count;
    void *_Nullable brokers;
    int topic_count;
    rdk_metadata_topic *_Nullable topics;
    int32_t broker_id;
    char *_Nullable broker_name;
} rdk_metadata;

/// Which member of an rdk_argument counts: rd_kafka_vtype_t.
enum {
    rdk_argument_topic = 2,
    rdk_argument_partition = 3,
    rdk_argument_value = 4,
    rdk_argument_key = 5,
    rdk_argument_opaque = 6,
    rdk_argument_flags = 7,
    rdk_argument_timestamp = 8,
    rdk_argument_header = 9,
};

/// rd_kafka_vu_t: an argument of rd_kafka_produceva.
typedef struct {
    int kind;
    union {
        rdk_topic *_Nullable topic;
        int number;
        int32_t partition;
        int64_t timestamp;
        struct {
            void *_Nullable bytes;
            size_t count;
        } memory;
        struct {
            const char *_Nullable name;
            const void *_Nullable bytes;
            ssize_t count;
        } header;
        void *_Nullable opaque;
        char padding[64];
    } value;
} rdk_argument;

static inline rdk_argument rdk_make_topic(rdk_topic *_Nonnull topic) {
    rdk_argument made = {rdk_argument_topic, {0}};
    made.value.topic = topic;
    return made;
}

static inline rdk_argument rdk_make_partition(int32_t partition) {
    rdk_argument made = {rdk_argument_partition, {0}};
    made.value.partition = partition;
    return made;
}

static inline rdk_argument rdk_make_flags(int flags) {
    rdk_argument made = {rdk_argument_flags, {0}};
    made.value.number = flags;
    return made;
}

static inline rdk_argument rdk_make_timestamp(int64_t milliseconds) {
    rdk_argument made = {rdk_argument_timestamp, {0}};
    made.value.timestamp = milliseconds;
    return made;
}

/// Bytes of a key or a value, which are not null.
static inline rdk_argument rdk_make_bytes(int is_key, const void *_Nullable bytes, size_t count) {
    rdk_argument made = {is_key ? rdk_argument_key : rdk_argument_value, {0}};
    made.value.memory.bytes = bytes ? (void *)bytes : (void *)"";
    made.value.memory.count = count;
    return made;
}

static inline rdk_argument rdk_make_header(
    const char *_Nonnull name, const void *_Nullable bytes, size_t count) {
    rdk_argument made = {rdk_argument_header, {0}};
    made.value.header.name = name;
    made.value.header.bytes = bytes ? bytes : "";
    made.value.header.count = (ssize_t)count;
    return made;
}

typedef int (*rdk_version_fn)(void);
typedef const char *_Nullable (*rdk_err_text_fn)(int);
typedef int (*rdk_last_error_fn)(void);
typedef rdk_conf *_Nonnull (*rdk_conf_new_fn)(void);
typedef void (*rdk_conf_destroy_fn)(rdk_conf *_Nonnull);
typedef int (*rdk_conf_set_fn)(
    rdk_conf *_Nonnull, const char *_Nonnull, const char *_Nonnull, char *_Nonnull, size_t);
typedef const char *_Nullable *_Nullable (*rdk_conf_dump_fn)(rdk_conf *_Nonnull, size_t *_Nonnull);
typedef void (*rdk_conf_dump_free_fn)(const char *_Nullable *_Nullable, size_t);
typedef void (*rdk_conf_set_opaque_fn)(rdk_conf *_Nonnull, void *_Nullable);
typedef void (*rdk_log_cb)(
    const rdk_client *_Nullable, int, const char *_Nullable, const char *_Nullable);
typedef void (*rdk_conf_set_log_cb_fn)(rdk_conf *_Nonnull, rdk_log_cb _Nonnull);
typedef void (*rdk_error_cb)(
    rdk_client *_Nullable, int, const char *_Nullable, void *_Nullable);
typedef void (*rdk_conf_set_error_cb_fn)(rdk_conf *_Nonnull, rdk_error_cb _Nonnull);
typedef void (*rdk_delivery_cb)(
    rdk_client *_Nullable, const rdk_message *_Nullable, void *_Nullable);
typedef void (*rdk_conf_set_delivery_cb_fn)(rdk_conf *_Nonnull, rdk_delivery_cb _Nonnull);
typedef void (*rdk_offset_commit_cb)(
    rdk_client *_Nullable, int, rdk_partitions *_Nullable, void *_Nullable);
typedef void (*rdk_conf_set_offset_commit_cb_fn)(rdk_conf *_Nonnull, rdk_offset_commit_cb _Nonnull);
typedef rdk_client *_Nullable (*rdk_new_fn)(int, rdk_conf *_Nonnull, char *_Nonnull, size_t);
typedef void (*rdk_destroy_flags_fn)(rdk_client *_Nonnull, int);
typedef void *_Nullable (*rdk_opaque_fn)(const rdk_client *_Nonnull);
typedef int (*rdk_poll_fn)(rdk_client *_Nonnull, int);
typedef int (*rdk_fatal_error_fn)(rdk_client *_Nonnull, char *_Nonnull, size_t);
typedef char *_Nullable (*rdk_cluster_id_fn)(rdk_client *_Nonnull, int);
typedef void (*rdk_mem_free_fn)(rdk_client *_Nullable, void *_Nullable);

typedef int (*rdk_metadata_fn)(
    rdk_client *_Nonnull, int, rdk_topic *_Nullable, const rdk_metadata *_Nullable *_Nonnull, int);
typedef void (*rdk_metadata_destroy_fn)(const rdk_metadata *_Nullable);
typedef rdk_topic *_Nullable (*rdk_topic_new_fn)(
    rdk_client *_Nonnull, const char *_Nonnull, void *_Nullable);
typedef void (*rdk_topic_destroy_fn)(rdk_topic *_Nonnull);

typedef rdk_partitions *_Nonnull (*rdk_partitions_new_fn)(int);
typedef void (*rdk_partitions_destroy_fn)(rdk_partitions *_Nonnull);
typedef rdk_partition *_Nonnull (*rdk_partitions_add_fn)(
    rdk_partitions *_Nonnull, const char *_Nonnull, int32_t);
typedef int (*rdk_offsets_for_times_fn)(rdk_client *_Nonnull, rdk_partitions *_Nonnull, int);
typedef int (*rdk_watermarks_fn)(
    rdk_client *_Nonnull, const char *_Nonnull, int32_t, int64_t *_Nonnull, int64_t *_Nonnull);
typedef int (*rdk_commit_fn)(rdk_client *_Nonnull, rdk_partitions *_Nonnull, int);
typedef int (*rdk_committed_fn)(rdk_client *_Nonnull, rdk_partitions *_Nonnull, int);

typedef int (*rdk_consume_start_fn)(rdk_topic *_Nonnull, int32_t, int64_t);
typedef int (*rdk_consume_stop_fn)(rdk_topic *_Nonnull, int32_t);
typedef rdk_message *_Nullable (*rdk_consume_fn)(rdk_topic *_Nonnull, int32_t, int);
typedef ssize_t (*rdk_consume_batch_fn)(
    rdk_topic *_Nonnull, int32_t, int, rdk_message *_Nullable *_Nonnull, size_t);
typedef void (*rdk_message_destroy_fn)(rdk_message *_Nonnull);
typedef int64_t (*rdk_message_timestamp_fn)(const rdk_message *_Nonnull, int *_Nonnull);
typedef int (*rdk_message_headers_fn)(
    const rdk_message *_Nonnull, rdk_headers *_Nullable *_Nonnull);
typedef int (*rdk_header_get_last_fn)(
    const rdk_headers *_Nonnull, const char *_Nonnull, const void *_Nullable *_Nonnull,
    size_t *_Nonnull);

typedef rdk_error *_Nullable (*rdk_produceva_fn)(
    rdk_client *_Nonnull, const rdk_argument *_Nonnull, size_t);
typedef int (*rdk_flush_fn)(rdk_client *_Nonnull, int);
typedef int (*rdk_purge_fn)(rdk_client *_Nonnull, int);
typedef rdk_error *_Nullable (*rdk_init_transactions_fn)(rdk_client *_Nonnull, int);
typedef rdk_error *_Nullable (*rdk_begin_transaction_fn)(rdk_client *_Nonnull);
typedef rdk_error *_Nullable (*rdk_commit_transaction_fn)(rdk_client *_Nonnull, int);
typedef rdk_error *_Nullable (*rdk_abort_transaction_fn)(rdk_client *_Nonnull, int);
typedef rdk_error *_Nullable (*rdk_send_offsets_fn)(
    rdk_client *_Nonnull, const rdk_partitions *_Nonnull, const rdk_group *_Nonnull, int);
typedef rdk_group *_Nullable (*rdk_group_new_fn)(const char *_Nonnull);
typedef void (*rdk_group_destroy_fn)(rdk_group *_Nonnull);
typedef int (*rdk_error_code_fn)(const rdk_error *_Nonnull);
typedef const char *_Nullable (*rdk_error_string_fn)(const rdk_error *_Nonnull);
typedef int (*rdk_error_flag_fn)(const rdk_error *_Nonnull);
typedef void (*rdk_error_destroy_fn)(rdk_error *_Nonnull);
