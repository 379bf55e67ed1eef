#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a node of a parsed document is.
enum {
    csimdjson_node_null = 0,
    csimdjson_node_false = 1,
    csimdjson_node_true = 2,
    csimdjson_node_number = 3,
    csimdjson_node_string = 4,
    csimdjson_node_array = 5,
    csimdjson_node_object = 6,
    csimdjson_node_key = 7,
};

/// Why a document was refused.
enum {
    csimdjson_fault_none = 0,
    csimdjson_fault_memory = 1,
    csimdjson_fault_empty = 2,
    csimdjson_fault_utf8 = 3,
    csimdjson_fault_control_character = 4,
    csimdjson_fault_unclosed_string = 5,
    csimdjson_fault_depth = 6,
    csimdjson_fault_string = 7,
    csimdjson_fault_number = 8,
    csimdjson_fault_literal = 9,
    csimdjson_fault_trailing = 10,
    csimdjson_fault_structure = 11,
    csimdjson_fault_internal = 12,
};

/// One value or key. Nodes lie in document order: a container is followed by its children, and
/// each member of an object by two entries, the key and the value.
typedef struct {
    /// One of csimdjson_node_*.
    uint32_t kind;
    /// Containers: the index after the last node inside. Others: the node's own index + 1.
    uint32_t end;
    /// The bytes of the source that the value takes, quotes and brackets included.
    uint32_t offset;
    uint32_t length;
    /// Strings and keys: where the unescaped text lies in csimdjson_document_text.
    uint32_t text_offset;
    uint32_t text_length;
} csimdjson_node;

/// A parsed document; freed by csimdjson_document_free.
typedef struct csimdjson_document csimdjson_document;

/// Parses `length` bytes (less than 1 GiB). On a fault the result is NULL, `fault` says which and
/// `fault_offset` the byte nearest to it.
csimdjson_document *csimdjson_document_parse(
    const uint8_t *bytes, size_t length, uint32_t depth_max, uint32_t *fault,
    size_t *fault_offset);

const csimdjson_node *csimdjson_document_nodes(const csimdjson_document *document);
size_t csimdjson_document_node_count(const csimdjson_document *document);
const uint8_t *csimdjson_document_text(const csimdjson_document *document);
void csimdjson_document_free(csimdjson_document *document);

#ifdef __cplusplus
}
#endif
