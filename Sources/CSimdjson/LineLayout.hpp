#pragma once
// What lines of one producer have in common: the same keys in the same order with the same
// spacing. A layout is learnt from a line that simdjson has accepted: the text between values, and
// what kind of value stands where. A line that has the same text between its values, and at each
// place a value that needs no care (a string of plain ASCII without escapes, a valid number, a
// literal word), is then valid JSON too, and its fields are found by comparing and scanning. Every
// other line is for simdjson.

#include "CSimdjsonLines.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace lines {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

inline uint64_t load(const char *bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    return word;
}

constexpr uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

/// The first byte from `i` on that is no digit. It reads up to 7 bytes beyond.
inline const char *digits_end(const char *i) {
    while (true) {
        const uint64_t values = load(i) ^ (ones * '0');
        // Exact up to the lowest byte found, which is the one that counts.
        const uint64_t found = ((values + ones * (0x80 - 10)) | values) & high;
        if (found) return i + (__builtin_ctzll(found) >> 3);
        i += 8;
    }
}

/// The end of the number that begins at `i` (RFC 8259, section 6), or nullptr if none does. It
/// reads up to 8 bytes behind the number; the caller knows that they are there.
inline const char *number_end(const char *i) {
    if (*i == '-') i++;
    if (!is_digit(*i)) return nullptr;
    i = *i == '0' ? i + 1 : digits_end(i);
    if (*i == '.') {
        i++;
        if (!is_digit(*i)) return nullptr;
        i = digits_end(i);
    }
    if (*i == 'e' || *i == 'E') {
        i++;
        if (*i == '+' || *i == '-') i++;
        if (!is_digit(*i)) return nullptr;
        i = digits_end(i);
    }
    return i;
}

/// The index of an element as the text that a key for it has.
class IndexText {
public:
    explicit IndexText(uint64_t index) {
        do {
            *--first = static_cast<char>('0' + index % 10);
            index /= 10;
        } while (index);
    }
    IndexText(const IndexText &) = delete;

    std::string_view text() const {
        return {first, static_cast<size_t>(digits + sizeof(digits) - first)};
    }

private:
    char digits[20];
    char *first = digits + sizeof(digits);
};

/// Whether one of the keys inside a node is the index of an element.
inline bool names_an_element(const std::vector<csimdjson_path_node> &nodes, int32_t node) {
    for (int32_t i = nodes[node].first_child; i >= 0; i = nodes[i].next_sibling) {
        bool all = nodes[i].key && nodes[i].key_length > 0;
        for (size_t at = 0; at < nodes[i].key_length; at++) all = all && is_digit(nodes[i].key[at]);
        if (all) return true;
    }
    return false;
}

/// The first byte from `i` on that ends a plain string or makes it one to be careful with: a quote,
/// a backslash, a control character, or one that is not ASCII. It reads up to 7 bytes beyond.
inline const char *plain_end(const char *i) {
    while (true) {
        const uint64_t word = load(i);
        const uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
        // Exact up to the lowest byte found, which is the one that counts.
        const uint64_t found = (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                                ((word - ones * 0x20) & ~word) | word) & high;
        if (found) return i + (__builtin_ctzll(found) >> 3);
        i += 8;
    }
}

/// Whether `n` bytes are equal; up to 7 bytes beyond are read.
inline bool is_same(const char *a, const char *b, size_t n) {
    while (n > 8) {
        if (load(a) != load(b)) return false;
        a += 8;
        b += 8;
        n -= 8;
    }
    return n == 0 || ((load(a) ^ load(b)) << (64 - 8 * n)) == 0;
}

/// One layout: text, value, text, value, …, text.
class Layout {
public:
    struct Value {
        /// The text before it, in `text`.
        uint32_t text_start, text_length;
        bool is_string;
        /// The columns that want it, in `columns`.
        uint32_t columns_start, columns_count;
    };

    /// Finds the values of a line; false when the line is not of this layout. `out` may have been
    /// written to then. 8 bytes behind the line can be read.
    bool match(const char *line, size_t length, csimdjson_token *out) const {
        const char *i = line;
        const char *const end = line + length;
        for (const Value &value : values) {
            if (!take_text(i, end, value.text_start, value.text_length)) return false;
            const char *const start = i;
            uint32_t kind = csimdjson_token_string;
            if (value.is_string) {
                i = plain_end(i);
                if (i >= end || *i != '"') return false;
            } else if (*i >= 'a') {
                const size_t count = *i == 'f' ? 5 : 4;
                const char *word = *i == 'f' ? "false" : *i == 't' ? "true" : "null";
                if (std::memcmp(i, word, count) != 0) return false;
                kind = *i == 'n' ? csimdjson_token_null : csimdjson_token_literal;
                i += count;
            } else {
                kind = csimdjson_token_literal;
                i = number_end(i);
                if (!i) return false;
            }
            if (i >= end) return false;
            if (value.columns_count) {
                csimdjson_token token{start, static_cast<uint32_t>(i - start), kind};
                if (kind == csimdjson_token_null) token = {nullptr, 0, csimdjson_token_null};
                for (uint32_t c = 0; c < value.columns_count; c++) {
                    out[columns[value.columns_start + c]] = token;
                }
            }
        }
        return take_text(i, end, tail_start, tail_length) && i == end;
    }

    std::vector<Value> values;
    std::vector<int32_t> columns;
    /// The texts one behind the other, and 8 bytes more.
    std::string text;
    uint32_t tail_start = 0, tail_length = 0;

private:
    bool take_text(const char *&i, const char *end, uint32_t start, uint32_t length) const {
        if (static_cast<size_t>(end - i) < length ||
            !is_same(i, text.data() + start, length)) {
            return false;
        }
        i += length;
        return true;
    }
};

/// Makes a layout of a line that is valid JSON.
class Learner {
public:
    Learner(const std::vector<csimdjson_path_node> &nodes, std::string_view line)
        : nodes(nodes), line(line) {}

    /// False when the line has something that a layout cannot hold.
    bool learn(Layout &out) {
        layout = {};
        if (line.size() > bytes_max || !object(0)) return false;
        layout.tail_start = text_start;
        layout.tail_length = static_cast<uint32_t>(layout.text.size()) - text_start;
        layout.text.append(8, '\0');
        out = std::move(layout);
        return true;
    }

private:
    static constexpr size_t bytes_max = 4096, values_max = 256;

    const std::vector<csimdjson_path_node> &nodes;
    const std::string_view line;
    size_t at = 0;
    Layout layout;
    uint32_t text_start = 0;
    /// Columns that were given a value of second choice.
    std::vector<int32_t> second;

    char peek() const { return at < line.size() ? line[at] : '\0'; }

    void take() { layout.text.push_back(line[at++]); }

    void spaces() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\r') take();
    }

    bool object(int32_t node) {
        take();
        for (spaces(); peek() != '}'; spaces()) {
            if (peek() == ',') {
                take();
                spaces();
            }
            if (peek() != '"') return false;
            take();
            const size_t start = at;
            while (at < line.size() && peek() != '"' && peek() != '\\') take();
            if (peek() != '"') return false;
            const std::string_view key = line.substr(start, at - start);
            take();
            spaces();
            if (peek() != ':') return false;
            take();
            spaces();
            if (!value(node, key)) return false;
        }
        take();
        return true;
    }

    bool array(int32_t inside) {
        // What looks for a key in an array is to be told.
        if (inside >= 0 && !names_an_element(nodes, inside)) return false;
        take();
        uint64_t index = 0;
        for (spaces(); peek() != ']'; spaces()) {
            if (peek() == ',') {
                take();
                spaces();
            }
            const IndexText key(index++);
            if (!value(inside, key.text())) return false;
        }
        take();
        return true;
    }

    bool value(int32_t node, std::string_view key) {
        const auto first_column = static_cast<uint32_t>(layout.columns.size());
        int32_t inside = -1;
        for (int32_t i = node < 0 ? -1 : nodes[node].first_child; i >= 0;
             i = nodes[i].next_sibling) {
            if (key != std::string_view(nodes[i].key, nodes[i].key_length)) continue;
            if (nodes[i].column >= 0) {
                // Which of several values counts is for simdjson's walk to say.
                if (nodes[i].is_second_choice && has(nodes[i].column)) return false;
                if (has_second(nodes[i].column)) return false;
                if (nodes[i].is_second_choice) second.push_back(nodes[i].column);
                layout.columns.push_back(nodes[i].column);
            }
            if (nodes[i].first_child >= 0 && inside < 0) inside = i;
        }
        const auto count = static_cast<uint32_t>(layout.columns.size()) - first_column;
        switch (peek()) {
            // A container that is wanted itself has to be told apart from null.
            case '{': return count == 0 && object(inside);
            case '[': return count == 0 && array(inside);
            case '"': take(); scalar(true, first_column, count); break;
            default: scalar(false, first_column, count);
        }
        return layout.values.size() <= values_max && at < line.size();
    }

    bool has(int32_t column) const {
        return std::find(layout.columns.begin(), layout.columns.end(), column) !=
               layout.columns.end();
    }

    bool has_second(int32_t column) const {
        return std::find(second.begin(), second.end(), column) != second.end();
    }

    void scalar(bool is_string, uint32_t first_column, uint32_t count) {
        const auto length = static_cast<uint32_t>(layout.text.size()) - text_start;
        layout.values.push_back({text_start, length, is_string, first_column, count});
        text_start += length;
        if (!is_string) {
            while (at < line.size() && !std::strchr(",]} \t\r", line[at])) at++;
            return;
        }
        while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
        // The closing quote is text like any other.
        if (at < line.size()) take();
    }
};

/// The layouts that lines have had lately.
class Layouts {
public:
    /// Finds the fields of a line that is like one before; tokens are null where it has none.
    bool match(const char *line, size_t length, csimdjson_token *out, size_t column_count) {
        for (size_t tried = 0; tried < known.size(); tried++) {
            const size_t index = latest + tried < known.size() ? latest + tried
                                                               : latest + tried - known.size();
            for (size_t i = 0; i < column_count; i++) out[i] = {nullptr, 0, csimdjson_token_absent};
            if (known[index].match(line, length, out)) {
                latest = index;
                hits++;
                return true;
            }
        }
        return false;
    }

    /// Takes a line that simdjson has accepted as an example, unless most lines have a layout of
    /// their own.
    void learn(const std::vector<csimdjson_path_node> &nodes, std::string_view line) {
        misses++;
        if (misses > 32 && misses > hits / 4) return;
        Layout layout;
        if (!Learner(nodes, line).learn(layout)) return;
        if (known.size() < layouts_max) {
            latest = known.size();
            known.push_back(std::move(layout));
        } else {
            oldest = (oldest + 1) % layouts_max;
            latest = oldest;
            known[oldest] = std::move(layout);
        }
    }

private:
    static constexpr size_t layouts_max = 4;
    std::vector<Layout> known;
    size_t latest = 0, oldest = 0;
    uint64_t hits = 0, misses = 0;
};

}  // namespace lines
