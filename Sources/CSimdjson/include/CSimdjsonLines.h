#pragma once
// Fields out of JSON lines: one call parses a block of lines and gives, for each line, the text of
// the wanted fields. What the text means is for the caller to say.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A key of an object, or the index of an array's element as text, on the way to a wanted field.
/// Nodes form a tree; node 0 is the line's value. Several siblings may have the same key.
typedef struct {
    /// The key, unescaped; NULL for the value of the node above itself, which is exploded.
    const char *key;
    size_t key_length;
    /// The column that the value under this key is for, or -1.
    int32_t column;
    /// 1 when the value counts only where the column, or the line, has no other.
    int32_t is_second_choice;
    /// 1 when the value is an array of which each element is a row; the nodes below are keys of an
    /// element.
    int32_t is_exploded;
    /// The first node for keys inside that value, or -1.
    int32_t first_child;
    /// The next key of the same object, or -1.
    int32_t next_sibling;
} csimdjson_path_node;

/// What the value of a field is.
enum {
    /// null.
    csimdjson_token_null = 0,
    /// A number, `true` or `false`, as written.
    csimdjson_token_literal = 1,
    /// A string, unescaped.
    csimdjson_token_string = 2,
    /// An object or an array; without text.
    csimdjson_token_container = 3,
    /// Not there.
    csimdjson_token_absent = 4,
    /// Not there, since the way goes through an array of which it names no element.
    csimdjson_token_in_array = 5,
};

/// The value of a field: bytes that stay valid until the next block, 8 readable bytes after them.
typedef struct {
    const char *text;
    uint32_t length;
    /// One of csimdjson_token_*.
    uint32_t kind;
} csimdjson_token;

/// Codes that are no fault of simdjson's.
enum {
    csimdjson_line_ok = 0,
    /// Nothing but white space: no row.
    csimdjson_line_blank = -1,
    /// Longer than allowed; not parsed.
    csimdjson_line_too_long = -2,
    /// Valid JSON, but no object.
    csimdjson_line_not_object = -3,
    /// Nested deeper than 64 levels.
    csimdjson_line_too_deep = -4,
    /// What is to be exploded is no array.
    csimdjson_line_not_array = -5,
    /// It has more than csimdjson_elements_max elements.
    csimdjson_line_too_many = -6,
};

/// One line of a block, counted from the block's start, without its newline.
typedef struct {
    size_t offset;
    size_t length;
    /// 1 when a newline follows, 0 for a last line without one.
    size_t newline;
    /// csimdjson_line_* or an error code of simdjson.
    int32_t fault;
    /// Where an array is exploded: its elements, and the first of them among those of the block.
    size_t elements;
    size_t first_element;
} csimdjson_line;

/// The most elements of a line that are rows.
enum { csimdjson_elements_max = 1 << 20 };

typedef struct csimdjson_lines csimdjson_lines;

/// A parser for lines with these fields; NULL when there is no memory. The keys must outlive it.
csimdjson_lines *csimdjson_lines_create(
    const csimdjson_path_node *nodes, size_t node_count, size_t column_count);

void csimdjson_lines_destroy(csimdjson_lines *lines);

/// Parses whole lines from a block that 64 readable bytes follow.
///
/// A last line without newline counts only if `is_final`. Where a key occurs twice, the last one
/// counts. The tokens of line `i` begin at `tokens[i * column_count]`; those of a line with a
/// fault mean nothing. Every line is checked whole, also what no column wants.
/// @return the number of lines given, at most `lines_max`.
size_t csimdjson_lines_parse(
    csimdjson_lines *lines, const char *bytes, size_t count, int is_final, size_t lines_max,
    size_t line_bytes_max, csimdjson_line *out, csimdjson_token *tokens);

/// The tokens of the elements that the lines of the last block have: those of element `e` of the
/// block begin at `e * column_count`. What an element has not, its line may have.
const csimdjson_token *csimdjson_lines_elements(const csimdjson_lines *lines);

/// What an error code of simdjson means, in words.
const char *csimdjson_lines_fault_text(int32_t fault);

#ifdef __cplusplus
}
#endif
