// A whole document as a flat list of nodes with source positions.
//
// simdjson's on-demand API validates UTF-8, strings and structure and knows where each token
// starts; numbers and literals are checked here by their text, because on-demand stops at integers
// beyond 64 bits, which callers want to see as they are written. No exception leaves this file.

#include "CSimdjsonDocument.h"

#include <simdjson.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace simdjson;

struct csimdjson_document {
    std::vector<csimdjson_node> nodes;
    std::string text;
};

namespace {

constexpr size_t length_max = size_t(1) << 30;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The length of the number that RFC 8259 sees at the start of `token`, or 0.
size_t number_length(std::string_view token) {
    size_t i = 0;
    const size_t n = token.size();
    if (i < n && token[i] == '-') i++;
    if (i >= n || !is_digit(token[i])) return 0;
    if (token[i] == '0') {
        i++;
    } else {
        while (i < n && is_digit(token[i])) i++;
    }
    if (i < n && token[i] == '.') {
        i++;
        if (i >= n || !is_digit(token[i])) return 0;
        while (i < n && is_digit(token[i])) i++;
    }
    if (i < n && (token[i] == 'e' || token[i] == 'E')) {
        i++;
        if (i < n && (token[i] == '+' || token[i] == '-')) i++;
        if (i >= n || !is_digit(token[i])) return 0;
        while (i < n && is_digit(token[i])) i++;
    }
    return i;
}

/// The byte where the first string that breaks off, or holds a control character, does so.
size_t string_fault_offset(const char *bytes, size_t length, bool control) {
    size_t opened = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        if (!inside) {
            if (bytes[i] == '"') {
                inside = true;
                opened = i;
            }
        } else if (bytes[i] == '\\') {
            i++;
        } else if (bytes[i] == '"') {
            inside = false;
        } else if (control && static_cast<unsigned char>(bytes[i]) < 0x20) {
            return i;
        }
    }
    return opened;
}

/// The byte where brackets stop matching: a wrong one, the first sign after the root has closed,
/// or the end of the text. Called only for a document that was refused.
size_t bracket_fault_offset(const char *bytes, size_t length) {
    std::string open;
    bool closed = false;
    for (size_t i = 0; i < length; i++) {
        const char c = bytes[i];
        if (is_space(c)) continue;
        if (closed) return i;
        if (c == '"') {
            for (i++; i < length && bytes[i] != '"'; i++) {
                if (bytes[i] == '\\') i++;
            }
        } else if (c == '[' || c == '{') {
            open.push_back(c == '[' ? ']' : '}');
        } else if (c == ']' || c == '}') {
            if (open.empty() || open.back() != c) return i;
            open.pop_back();
            closed = open.empty();
        }
    }
    return length;
}

/// Walks one document; `start` is the first byte of the padded copy.
class Walk {
public:
    Walk(csimdjson_document &nodes, const char *start, size_t length, uint32_t depth_max)
        : out_(nodes), start_(start), length_(length), depth_max_(depth_max) {}

    uint32_t fault = csimdjson_fault_none;
    size_t fault_offset = 0;

    bool root(ondemand::document &document) {
        const char *first = start_;
        while (first < start_ + length_ && is_space(*first)) first++;
        ondemand::json_type type;
        if (auto error = document.type().get(type)) return fail(error, first);
        if (!root_value(document, type, first)) return false;
        for (size_t i = end_; i < length_; i++) {
            if (!is_space(start_[i])) return fail_at(csimdjson_fault_trailing, start_ + i);
        }
        return true;
    }

private:
    csimdjson_document &out_;
    const char *start_;
    size_t length_;
    uint32_t depth_max_;
    /// The offset after the last token that was understood.
    size_t end_ = 0;

    bool fail_at(uint32_t code, const char *place) {
        fault = code;
        fault_offset =
            place >= start_ && place <= start_ + length_ ? size_t(place - start_) : length_;
        return false;
    }

    bool fail(error_code error, const char *place) {
        switch (error) {
        case MEMALLOC: return fail_at(csimdjson_fault_memory, place);
        case STRING_ERROR: return fail_at(csimdjson_fault_string, place);
        default: return fail_at(csimdjson_fault_structure, place);
        }
    }

    /// On-demand looks at the last byte before it begins, so that a root that is never closed, or
    /// is followed by something, is refused without a place.
    bool fail_root(error_code error) {
        const size_t offset = bracket_fault_offset(start_, length_);
        if (error == MEMALLOC) return fail_at(csimdjson_fault_memory, start_);
        const char found = offset < length_ ? start_[offset] : ']';
        const bool trailing = found != ']' && found != '}';
        return fail_at(
            trailing ? csimdjson_fault_trailing : csimdjson_fault_structure, start_ + offset);
    }

    /// The next byte that is not white space, after what was understood.
    const char *next_place() const {
        const char *place = start_ + end_;
        while (place < start_ + length_ && is_space(*place)) place++;
        return place;
    }

    /// The next token inside a container, past the comma or colon that introduces it, if it
    /// is there: the place to blame when on-demand stops.
    const char *blamed_place(char introduction) const {
        const char *place = next_place();
        if (place >= start_ + length_ || *place != introduction) return place;
        place++;
        while (place < start_ + length_ && is_space(*place)) place++;
        return place;
    }

    /// The place to blame when a member cannot be read: its key, or what stands where the colon
    /// belongs.
    const char *blamed_member_place() const {
        const char *place = blamed_place(',');
        if (place >= start_ + length_ || *place != '"') return place;
        const char *limit = start_ + length_;
        for (place++; place < limit && *place != '"'; place++) {
            if (*place == '\\') place++;
        }
        place++;
        while (place < limit && is_space(*place)) place++;
        return place < limit ? place : limit;
    }

    std::string_view rest_from(const char *first) const {
        return std::string_view(first, size_t(start_ + length_ - first));
    }

    bool root_value(ondemand::document &document, ondemand::json_type type, const char *first) {
        switch (type) {
        case ondemand::json_type::array: {
            ondemand::array array;
            if (auto error = document.get_array().get(array)) return fail_root(error);
            return walk_array(array, first, 1);
        }
        case ondemand::json_type::object: {
            ondemand::object object;
            if (auto error = document.get_object().get(object)) return fail_root(error);
            return walk_object(object, first, 1);
        }
        case ondemand::json_type::string: {
            std::string_view text;
            if (document.get_string().get(text)) return fail_at(csimdjson_fault_string, first);
            return push_string(csimdjson_node_string, first, text);
        }
        default: return push_scalar(type, first);
        }
    }

    bool walk_value(ondemand::value &value, uint32_t depth) {
        const char *first = value.raw_json_token().data();
        ondemand::json_type type;
        if (auto error = value.type().get(type)) return fail(error, first);
        switch (type) {
        case ondemand::json_type::array: {
            ondemand::array array;
            if (auto error = value.get_array().get(array)) return fail(error, first);
            return walk_array(array, first, depth + 1);
        }
        case ondemand::json_type::object: {
            ondemand::object object;
            if (auto error = value.get_object().get(object)) return fail(error, first);
            return walk_object(object, first, depth + 1);
        }
        case ondemand::json_type::string: {
            std::string_view text;
            if (value.get_string().get(text)) return fail_at(csimdjson_fault_string, first);
            return push_string(csimdjson_node_string, first, text);
        }
        default: return push_scalar(type, first);
        }
    }

    bool walk_array(ondemand::array &array, const char *first, uint32_t depth) {
        if (depth > depth_max_) return fail_at(csimdjson_fault_depth, first);
        const size_t index = push(csimdjson_node_array, first, 1);
        for (auto element : array) {
            ondemand::value value;
            if (auto error = std::move(element).get(value)) return fail(error, blamed_place(','));
            if (!walk_value(value, depth)) return false;
        }
        return close(index, ']');
    }

    bool walk_object(ondemand::object &object, const char *first, uint32_t depth) {
        if (depth > depth_max_) return fail_at(csimdjson_fault_depth, first);
        const size_t index = push(csimdjson_node_object, first, 1);
        for (auto member : object) {
            ondemand::field field;
            if (auto error = std::move(member).get(field)) return fail(error, blamed_member_place());
            const char *quote = field.key().raw() - 1;
            std::string_view key;
            if (field.unescaped_key().get(key)) return fail_at(csimdjson_fault_string, quote);
            if (!push_string(csimdjson_node_key, quote, key)) return false;
            if (!walk_value(field.value(), depth)) return false;
        }
        return close(index, '}');
    }

    size_t push(uint32_t kind, const char *first, size_t length) {
        csimdjson_node node{};
        node.kind = kind;
        node.end = uint32_t(out_.nodes.size() + 1);
        node.offset = uint32_t(first - start_);
        node.length = uint32_t(length);
        out_.nodes.push_back(node);
        end_ = size_t(node.offset) + length;
        return out_.nodes.size() - 1;
    }

    /// Closes a container whose iteration ended: its bracket comes next.
    bool close(size_t index, char bracket) {
        const char *place = next_place();
        if (place >= start_ + length_ || *place != bracket) {
            return fail_at(csimdjson_fault_structure, place);
        }
        end_ = size_t(place + 1 - start_);
        csimdjson_node &node = out_.nodes[index];
        node.length = uint32_t(end_ - node.offset);
        node.end = uint32_t(out_.nodes.size());
        return true;
    }

    bool push_string(uint32_t kind, const char *quote, std::string_view text) {
        const char *limit = start_ + length_;
        const char *p = quote + 1;
        while (p < limit && *p != '"') p += *p == '\\' ? 2 : 1;
        if (p >= limit) return fail_at(csimdjson_fault_unclosed_string, quote);
        csimdjson_node &node = out_.nodes[push(kind, quote, size_t(p + 1 - quote))];
        node.text_offset = uint32_t(out_.text.size());
        node.text_length = uint32_t(text.size());
        out_.text.append(text.data(), text.size());
        return true;
    }

    bool push_scalar(ondemand::json_type type, const char *first) {
        switch (type) {
        case ondemand::json_type::null:
            return push_literal(csimdjson_node_null, first, "null");
        case ondemand::json_type::boolean:
            return *first == 't' ? push_literal(csimdjson_node_true, first, "true")
                                 : push_literal(csimdjson_node_false, first, "false");
        default: {
            const size_t length = number_length(rest_from(first));
            if (length == 0) return fail_at(csimdjson_fault_number, first);
            push(csimdjson_node_number, first, length);
            return ends_token(first, csimdjson_fault_number);
        }
        }
    }

    bool push_literal(uint32_t kind, const char *first, std::string_view literal) {
        if (rest_from(first).substr(0, literal.size()) != literal) {
            return fail_at(csimdjson_fault_literal, first);
        }
        push(kind, first, literal.size());
        return ends_token(first, csimdjson_fault_literal);
    }

    /// A number or literal ends where white space or structure follows, or the document.
    bool ends_token(const char *first, uint32_t code) {
        if (end_ >= length_) return true;
        const char c = start_[end_];
        if (is_space(c) || c == ',' || c == ']' || c == '}' || c == ':') return true;
        return fail_at(code, first);
    }
};

/// The fault of a document that the tokenizer refused as a whole.
uint32_t tokenizer_fault(error_code error, const char *bytes, size_t length, size_t *offset) {
    switch (error) {
    case MEMALLOC: return csimdjson_fault_memory;
    case EMPTY: return csimdjson_fault_empty;
    case UTF8_ERROR: return csimdjson_fault_utf8;
    case UNESCAPED_CHARS:
        *offset = string_fault_offset(bytes, length, true);
        return csimdjson_fault_control_character;
    case UNCLOSED_STRING:
        *offset = string_fault_offset(bytes, length, false);
        return csimdjson_fault_unclosed_string;
    default: return csimdjson_fault_structure;
    }
}

csimdjson_document *parse(
    const char *bytes, size_t length, uint32_t depth_max, uint32_t *fault, size_t *fault_offset) {
    padded_string padded(bytes, length);
    if (padded.data() == nullptr) throw std::bad_alloc();
    ondemand::parser parser;
    ondemand::document document;
    if (auto error = parser.iterate(padded).get(document)) {
        *fault = tokenizer_fault(error, bytes, length, fault_offset);
        return nullptr;
    }
    auto result = std::make_unique<csimdjson_document>();
    Walk walk(*result, padded.data(), length, depth_max);
    if (!walk.root(document)) {
        *fault = walk.fault;
        *fault_offset = walk.fault_offset;
        return nullptr;
    }
    *fault = csimdjson_fault_none;
    return result.release();
}

}  // namespace

extern "C" {

csimdjson_document *csimdjson_document_parse(
    const uint8_t *bytes, size_t length, uint32_t depth_max, uint32_t *fault,
    size_t *fault_offset) {
    *fault = csimdjson_fault_internal;
    *fault_offset = 0;
    if (length >= length_max) return nullptr;
    try {
        return parse(
            reinterpret_cast<const char *>(bytes), length, depth_max, fault, fault_offset);
    } catch (const std::bad_alloc &) {
        *fault = csimdjson_fault_memory;
    } catch (...) {
        *fault = csimdjson_fault_internal;
    }
    return nullptr;
}

const csimdjson_node *csimdjson_document_nodes(const csimdjson_document *document) {
    return document->nodes.data();
}

size_t csimdjson_document_node_count(const csimdjson_document *document) {
    return document->nodes.size();
}

const uint8_t *csimdjson_document_text(const csimdjson_document *document) {
    return reinterpret_cast<const uint8_t *>(document->text.data());
}

void csimdjson_document_free(csimdjson_document *document) { delete document; }
}
