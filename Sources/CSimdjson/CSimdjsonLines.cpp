#include "CSimdjsonLines.h"
#include "LineLayout.hpp"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

namespace od = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

namespace {

constexpr int depth_max = 64;
constexpr int too_deep = csimdjson_line_too_deep;

/// simdjson hands out a scalar's text up to the next token: without the white space.
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' ||
                             text.back() == '\n')) {
        text.remove_suffix(1);
    }
    return text;
}

/// simdjson checks a number only when it converts it. What follows a token's text is never part of
/// a number, and a line has simdjson's padding behind it.
bool is_number(std::string_view text) {
    return lines::number_end(text.data()) == text.data() + text.size();
}

}  // namespace

struct csimdjson_lines {
    std::vector<csimdjson_path_node> nodes;
    size_t column_count;
    od::parser parser;
    lines::Layouts layouts;
    // The unescaped strings of the block; it never grows while tokens point into it.
    std::unique_ptr<char[]> arena;
    size_t arena_capacity = 0;
    size_t arena_used = 0;
    /// Whether an array's elements are rows.
    bool explodes = false;
    /// Their tokens, of all lines of the block.
    std::vector<csimdjson_token> elements;
    /// Where those of the line begin, and whether what they are from was of first choice.
    size_t line_elements = 0;
    bool has_first_choice = false;

    /// Elements of a block after which it takes no more lines.
    static constexpr size_t block_elements = 1 << 16;

    /// The node for keys inside the value of `key` in the object of `node`, or -1. Gives `token`
    /// to the columns that want the value.
    int32_t match(int32_t node, std::string_view key) const {
        if (node < 0) return -1;
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if ((nodes[i].first_child >= 0 || nodes[i].is_exploded) && is_key(i, key)) return i;
        }
        return -1;
    }

    bool is_key(int32_t node, std::string_view key) const {
        return nodes[node].key && nodes[node].key_length == key.size() &&
               std::memcmp(nodes[node].key, key.data(), key.size()) == 0;
    }

    bool is_wanted(int32_t node, std::string_view key) const {
        if (node < 0) return false;
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if (nodes[i].column >= 0 && is_key(i, key)) return true;
        }
        return false;
    }

    void give(int32_t node, std::string_view key, csimdjson_token token, csimdjson_token *out) {
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if (nodes[i].column < 0 || !is_key(i, key)) continue;
            csimdjson_token &wanted = out[nodes[i].column];
            if (!nodes[i].is_second_choice || is_absent(wanted)) wanted = token;
        }
    }

    static bool is_absent(const csimdjson_token &token) {
        return token.kind == csimdjson_token_absent || token.kind == csimdjson_token_in_array;
    }

    /// The columns that look for a key in what is an array.
    void note_array(int32_t node, csimdjson_token *out) {
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if (nodes[i].column < 0) {
                note_array(i, out);
            } else if (is_absent(out[nodes[i].column])) {
                out[nodes[i].column].kind = csimdjson_token_in_array;
            }
        }
    }

    /// The elements of an array, in which `inside` has the columns' indices.
    int walk(od::array array, int32_t inside, int depth, csimdjson_token *out) {
        const bool has_indices = inside >= 0 && lines::names_an_element(nodes, inside);
        if (inside >= 0 && !has_indices) note_array(inside, out);
        uint64_t index = 0;
        for (auto element : array) {
            od::value item;
            if (auto error = element.get(item)) return error;
            csimdjson_token token{nullptr, 0, csimdjson_token_null};
            if (!has_indices) {
                if (const int fault = value(item, -1, depth, false, out, token)) return fault;
                continue;
            }
            const lines::IndexText key(index++);
            const bool wanted = is_wanted(inside, key.text());
            const int fault = value(item, match(inside, key.text()), depth, wanted, out, token);
            if (fault) return fault;
            if (wanted) give(inside, key.text(), token, out);
        }
        return SUCCESS;
    }

    /// The elements of an array as rows; anything else has none, and must be null.
    int explode(od::value value, od::json_type type, int32_t node, int depth) {
        const bool is_first_choice = !nodes[node].is_second_choice;
        if (has_first_choice && !is_first_choice) return skip(value, depth);
        has_first_choice = is_first_choice;
        elements.resize(line_elements);
        if (type == od::json_type::null) return skip(value, depth);
        if (type != od::json_type::array) return csimdjson_line_not_array;
        if (depth >= depth_max) return too_deep;
        od::array array;
        if (auto error = value.get_array().get(array)) return error;
        return each_element(array, node, depth + 1);
    }

    int each_element(od::array array, int32_t node, int depth) {
        for (auto element : array) {
            od::value item;
            if (auto error = element.get(item)) return error;
            csimdjson_token *row = nullptr;
            if (const int fault = add_element(row)) return fault;
            csimdjson_token token{nullptr, 0, csimdjson_token_null};
            const bool wanted = is_element_wanted(node);
            if (const int fault = this->value(item, node, depth, wanted, row, token, true)) {
                return fault;
            }
            if (wanted) give_element(node, token, row);
        }
        return SUCCESS;
    }

    int add_element(csimdjson_token *&row) {
        if ((elements.size() - line_elements) / column_count >= csimdjson_elements_max) {
            return csimdjson_line_too_many;
        }
        try {
            elements.resize(elements.size() + column_count, {nullptr, 0, csimdjson_token_absent});
        } catch (const std::bad_alloc &) {
            return simdjson::MEMALLOC;
        }
        row = elements.data() + elements.size() - column_count;
        return SUCCESS;
    }

    bool is_element_wanted(int32_t node) const {
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if (!nodes[i].key) return true;
        }
        return false;
    }

    void give_element(int32_t node, csimdjson_token token, csimdjson_token *row) {
        for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
            if (!nodes[i].key) row[nodes[i].column] = token;
        }
    }

    /// Checks a value that nobody wants.
    int skip(od::value value, int depth) {
        csimdjson_token token{nullptr, 0, csimdjson_token_null};
        return this->value(value, -1, depth, false, nullptr, token);
    }

    std::string_view keep(std::string_view text) {
        char *place = arena.get() + arena_used;
        std::memcpy(place, text.data(), text.size());
        arena_used += text.size();
        return {place, text.size()};
    }

    int walk(od::object object, int32_t node, int depth, csimdjson_token *out) {
        if (depth > depth_max) return too_deep;
        for (auto member : object) {
            od::field field;
            if (auto error = std::move(member).get(field)) return error;
            std::string_view key;
            if (auto error = field.unescaped_key().get(key)) return error;
            const bool wanted = is_wanted(node, key);
            csimdjson_token token{nullptr, 0, csimdjson_token_null};
            const int fault =
                value(field.value(), match(node, key), depth, wanted, out, token);
            if (fault) return fault;
            if (wanted) give(node, key, token, out);
        }
        return SUCCESS;
    }

    int value(od::value value, int32_t inside, int depth, bool wanted, csimdjson_token *out,
              csimdjson_token &token, bool is_element = false) {
        od::json_type type;
        if (auto error = value.type().get(type)) return error;
        if (inside >= 0 && nodes[inside].is_exploded && !is_element) {
            token.kind = csimdjson_token_container;
            return explode(value, type, inside, depth);
        }
        switch (type) {
            case od::json_type::object: {
                token.kind = csimdjson_token_container;
                od::object object;
                if (auto error = value.get_object().get(object)) return error;
                return walk(object, inside, depth + 1, out);
            }
            case od::json_type::array: {
                token.kind = csimdjson_token_container;
                if (depth >= depth_max) return too_deep;
                od::array array;
                if (auto error = value.get_array().get(array)) return error;
                return walk(array, inside, depth + 1, out);
            }
            case od::json_type::string: {
                std::string_view text;
                if (auto error = value.get_string().get(text)) return error;
                if (wanted) {
                    text = keep(text);
                    token = {text.data(), static_cast<uint32_t>(text.size()),
                             csimdjson_token_string};
                }
                return SUCCESS;
            }
            default: break;
        }
        const std::string_view text = trimmed(value.raw_json_token());
        if (type == od::json_type::null) {
            return text == "null" ? SUCCESS : simdjson::N_ATOM_ERROR;
        }
        if (type == od::json_type::boolean) {
            if (text != "true" && text != "false") return simdjson::T_ATOM_ERROR;
        } else if (!is_number(text)) {
            return simdjson::NUMBER_ERROR;
        }
        token = {text.data(), static_cast<uint32_t>(text.size()), csimdjson_token_literal};
        return SUCCESS;
    }

    /// Parses a line, the fast way if it is like those before.
    int parse(const char *bytes, size_t length, csimdjson_token *out) {
        if (!explodes && layouts.match(bytes, length, out, column_count)) return SUCCESS;
        for (size_t i = 0; i < column_count; i++) out[i] = {nullptr, 0, csimdjson_token_absent};
        line_elements = elements.size();
        has_first_choice = false;
        const int fault = parse_any(bytes, length, out);
        if (fault != SUCCESS) elements.resize(line_elements);
        if (fault == SUCCESS && !explodes) {
            try {
                layouts.learn(nodes, {bytes, length});
            } catch (const std::bad_alloc &) {
                // Then the next lines are parsed as this one was.
            }
        }
        return fault;
    }

    int parse_any(const char *bytes, size_t length, csimdjson_token *out) {
        od::document document;
        const simdjson::padded_string_view text(
            bytes, length, length + simdjson::SIMDJSON_PADDING);
        if (auto error = parser.iterate(text).get(document)) return error;
        if (const int fault = walk(document, out)) return fault;
        // Nothing may follow the object.
        return document.current_location().error() == simdjson::OUT_OF_BOUNDS
                   ? SUCCESS
                   : simdjson::TAPE_ERROR;
    }

    /// The line's object, or where its own elements are rows, its array of them.
    int walk(od::document &document, csimdjson_token *out) {
        od::json_type type;
        if (auto error = document.type().get(type)) return error;
        if (nodes[0].is_exploded && type == od::json_type::array) {
            od::array array;
            if (auto error = document.get_array().get(array)) return error;
            return each_element(array, 0, 1);
        }
        od::object object;
        if (auto error = document.get_object().get(object)) {
            return error == simdjson::INCORRECT_TYPE ? csimdjson_line_not_object : error;
        }
        if (!nodes[0].is_exploded) return walk(object, 0, 1, out);
        csimdjson_token *row = nullptr;
        if (const int fault = add_element(row)) return fault;
        return walk(object, 0, 1, row);
    }

    bool reserve(size_t count) {
        arena_used = 0;
        elements.clear();
        if (arena_capacity >= count) return true;
        arena.reset(new (std::nothrow) char[count + 64]());
        arena_capacity = arena ? count : 0;
        return arena_capacity >= count;
    }
};

extern "C" csimdjson_lines *csimdjson_lines_create(
    const csimdjson_path_node *nodes, size_t node_count, size_t column_count) {
    try {
        auto lines = std::make_unique<csimdjson_lines>();
        lines->nodes.assign(nodes, nodes + node_count);
        lines->column_count = column_count;
        for (const auto &node : lines->nodes) {
            lines->explodes = lines->explodes || node.is_exploded;
        }
        return lines.release();
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

extern "C" void csimdjson_lines_destroy(csimdjson_lines *lines) { delete lines; }

extern "C" size_t csimdjson_lines_parse(
    csimdjson_lines *lines, const char *bytes, size_t count, int is_final, size_t lines_max,
    size_t line_bytes_max, csimdjson_line *out, csimdjson_token *tokens) {
    const bool has_memory = lines->reserve(count);
    size_t given = 0;
    size_t start = 0;
    const size_t tokens_max = csimdjson_lines::block_elements * lines->column_count;
    while (given < lines_max && start < count) {
        if (lines->explodes && lines->elements.size() >= tokens_max) break;
        const void *newline = std::memchr(bytes + start, '\n', count - start);
        if (!newline && !is_final) break;
        const size_t end = newline ? static_cast<const char *>(newline) - bytes : count;
        csimdjson_line &line = out[given];
        csimdjson_token *row = tokens + given * lines->column_count;
        const size_t first = lines->elements.size();
        line = {start, end - start, newline ? size_t(1) : size_t(0), csimdjson_line_ok, 0, 0};
        const std::string_view text = trimmed({bytes + start, end - start});
        if (!has_memory) {
            line.fault = simdjson::MEMALLOC;
        } else if (text.size() > line_bytes_max) {
            line.fault = csimdjson_line_too_long;
        } else if (text.empty()) {
            line.fault = csimdjson_line_blank;
        } else {
            line.fault = lines->parse(text.data(), text.size(), row);
        }
        if (lines->explodes) {
            line.first_element = first / lines->column_count;
            line.elements = (lines->elements.size() - first) / lines->column_count;
        }
        given++;
        start = end + (newline ? 1 : 0);
    }
    return given;
}

extern "C" const csimdjson_token *csimdjson_lines_elements(const csimdjson_lines *lines) {
    return lines->elements.data();
}

extern "C" const char *csimdjson_lines_fault_text(int32_t fault) {
    return simdjson::error_message(static_cast<error_code>(fault));
}
