import CSimdjson
import Columnar
import Settings

extension JSONLinesParser {
    /// How many rows a line is.
    func rowCount(_ line: UnsafePointer<csimdjson_line>) -> Int {
        guard exploded != nil else { return 1 }
        let elements = unsafe line.pointee.elements
        return spec.keepsEmpty ? max(1, elements) : elements
    }

    /// Parses a line's fields, of which `own` are the tokens, into rows, or says why not.
    @inline(__always)
    func storeLine(
        _ line: UnsafePointer<csimdjson_line>, _ own: UnsafeMutablePointer<csimdjson_token>,
        _ count: Int, _ columns: ColumnSet, _ row: Int
    ) -> String? {
        guard isPlain, unsafe line.pointee.fault == Int32(csimdjson_line_ok) else {
            return unsafe storeAny(line.pointee, own, count, columns, row)
        }
        for column in 0..<columns.count {
            let fault = unsafe storeField(own[column], column, columns, row)
            if fault == .none { continue }
            // Nothing of a line that is refused is left for the next one.
            columns.clear(row: row)
            return unsafe reason(fault, own[column], column)
        }
        return nil
    }

    private func storeAny(
        _ line: csimdjson_line, _ own: UnsafeMutablePointer<csimdjson_token>, _ count: Int,
        _ columns: ColumnSet, _ row: Int
    ) -> String? {
        guard line.fault == Int32(csimdjson_line_ok) else { return fault(of: line) }
        if exploded != nil {
            exploded?.records += 1
            if line.elements == 0 { exploded?.empty += 1 }
        }
        for element in 0..<count {
            guard let reason = unsafe store(line, element, own, columns, row + element) else {
                continue
            }
            for stored in row...row + element { columns.clear(row: stored) }
            guard let path = spec.exploded, element < line.elements else { return reason }
            return "element \(element) of '\(path.escapedForMessage)': \(reason)"
        }
        return nil
    }

    private func fault(of line: csimdjson_line) -> String {
        switch line.fault {
        case Int32(csimdjson_line_too_long):
            return "the record is longer than \(spec.input.maxRecordBytes) bytes"
        case Int32(csimdjson_line_not_object): return "the line is no JSON object"
        case Int32(csimdjson_line_too_deep): return "the line is nested deeper than 64 levels"
        case Int32(csimdjson_line_not_array):
            return "what is at '\((spec.exploded ?? "").escapedForMessage)' is no array"
        case Int32(csimdjson_line_too_many):
            return "the array '\((spec.exploded ?? "").escapedForMessage)' has more than "
                + "\(csimdjson_elements_max) elements"
        default:
            let detail = unsafe String(cString: csimdjson_lines_fault_text(line.fault))
            return "the line is not valid JSON: \(detail)"
        }
    }

    /// Parses the fields of one of a line's rows, or says why not.
    private func store(
        _ line: csimdjson_line, _ element: Int, _ own: UnsafeMutablePointer<csimdjson_token>,
        _ columns: ColumnSet, _ row: Int
    ) -> String? {
        // Safe: the line has that many elements, of as many tokens as there are slots.
        let inElement =
            element < line.elements
            ? unsafe csimdjson_lines_elements(state) + (line.first_element + element) * slotCount
            : nil
        func token(_ slot: Int) -> csimdjson_token {
            // What an element has not, its line may have.
            guard let found = unsafe inElement?[slot],
                unsafe found.kind != UInt32(csimdjson_token_absent)
            else { return unsafe own[slot] }
            return unsafe found
        }
        for column in 0..<columns.count {
            let first = unsafe token(column)
            let fault =
                secondSlot[column] < 0
                ? unsafe storeField(first, column, columns, row)
                : unsafe storeJoined(first, token(secondSlot[column]), column, columns, row)
            if fault != .none { return unsafe reason(fault, first, column) }
        }
        return nil
    }

    private func reason(_ fault: FieldFault, _ token: csimdjson_token, _ column: Int) -> String {
        let text = unsafe UnsafeRawPointer(token.text)?.assumingMemoryBound(to: UInt8.self)
        return unsafe spec.columns[column].reason(
            fault, isField[column] ? text : nil, Int(token.length))
    }

    @inline(__always)
    private func storeField(
        _ token: csimdjson_token, _ column: Int, _ columns: ColumnSet, _ row: Int
    ) -> FieldFault {
        guard let text = unsafe token.text else {
            return unsafe storeWithoutText(token, column, columns, row)
        }
        unsafe counts[column].isFound = true
        // Safe: 8 bytes after a token's text can be read.
        let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
        return unsafe columns.fills[column].store(bytes, Int(token.length), row: row)
    }

    /// Stores what a line has no text for: a constant, or null.
    private func storeWithoutText(
        _ token: csimdjson_token, _ column: Int, _ columns: ColumnSet, _ row: Int
    ) -> FieldFault {
        guard isField[column] else {
            let text = unsafe constants.text(column)
            return unsafe columns.fills[column].store(text.start, Int(text.count), row: row)
        }
        if unsafe token.kind == UInt32(csimdjson_token_container) { return .notAScalar }
        unsafe note(token, column)
        return unsafe columns.fills[column].storeNull(row: row)
    }

    /// Notes what was found for a slot.
    private func note(_ token: csimdjson_token, _ slot: Int) {
        switch unsafe token.kind {
        case UInt32(csimdjson_token_absent), UInt32(csimdjson_token_container): break
        case UInt32(csimdjson_token_in_array): unsafe counts[slot].arrays += 1
        default: unsafe counts[slot].isFound = true
        }
    }

    /// Stores two values with a blank between them; where both are null, so is the value, and one
    /// alone is no time.
    private func storeJoined(
        _ first: csimdjson_token, _ second: csimdjson_token, _ column: Int, _ columns: ColumnSet,
        _ row: Int
    ) -> FieldFault {
        unsafe note(first, column)
        unsafe note(second, secondSlot[column])
        let container = UInt32(csimdjson_token_container)
        if unsafe first.kind == container || second.kind == container { return .notAScalar }
        let (count, more) = unsafe (Int(first.length), Int(second.length))
        if unsafe first.text == nil && second.text == nil {
            return unsafe columns.fills[column].storeNull(row: row)
        }
        guard let one = unsafe first.text, let other = unsafe second.text,
            unsafe count + more < CSVScan.joinedBytesMax
        else { return .badTimestamp }
        // Safe: there is room for both and the blank.
        let text = unsafe joined.base.assumingMemoryBound(to: UInt8.self)
        unsafe UnsafeMutableRawPointer(text).copyMemory(from: one, byteCount: count)
        unsafe text[count] = UInt8(ascii: " ")
        unsafe UnsafeMutableRawPointer(text + count + 1).copyMemory(from: other, byteCount: more)
        return unsafe columns.fills[column].store(text, count + more + 1, row: row)
    }
}
