import Columnar
import ConnectorAPI
import Decoding

// The columns that come from messages themselves, and the rows' columns in their order.
extension KafkaDecoder {
    /// What is wrong with the parts of a message that columns are made of.
    func faultOfParts(_ messages: KafkaMessages, _ index: Int) -> String? {
        for column in values.columns {
            guard case .message(let part) = column.origin else { continue }
            let name = column.field.name
            switch part {
            case .timestamp:
                let time = messages.timestamp(index)
                if time.kind < 0, !column.field.isNullable { return "the message has no timestamp" }
                if time.milliseconds.multipliedReportingOverflow(by: 1_000).overflow {
                    return "the timestamp \(time.milliseconds) is out of range"
                }
            case .key, .value, .header:
                guard let bytes = unsafe bytes(part, messages, index) else {
                    if !column.field.isNullable { return "\(name) is null" }
                    continue
                }
                if column.field.type == .string, unsafe !isValidUTF8(bytes) {
                    return "\(name) is not UTF-8"
                }
            default: continue
            }
        }
        return nil
    }

    private func bytes(
        _ part: KafkaField, _ messages: KafkaMessages, _ index: Int
    ) -> UnsafeRawBufferPointer? {
        switch part {
        case .key: unsafe messages.key(index)
        case .value: unsafe messages.value(index)
        case .header(let name): unsafe messages.header(name, index)
        default: nil
        }
    }

    /// The columns of the rows of some messages.
    func columns(
        _ payload: RecordBatch, _ messages: KafkaMessages, _ kept: [Int], _ split: SplitID
    ) -> [Column] {
        values.columns.map { column in
            switch column.origin {
            case .payload(let index): payload.columns[index]
            case .message(let part): self.column(part, column.field.type, messages, kept, split)
            }
        }
    }

    private func column(
        _ part: KafkaField, _ type: DataType, _ messages: KafkaMessages, _ kept: [Int],
        _ split: SplitID
    ) -> Column {
        var builder = ColumnBuilder(type, capacity: kept.count)
        for index in kept {
            switch part {
            case .topic: builder.append(string: split.group)
            case .partition: builder.append(int32: Int32(clamping: split.number))
            case .offset: builder.append(int64: messages.offset(index))
            case .timestampType: builder.append(int32: messages.timestamp(index).kind)
            case .timestamp:
                let time = messages.timestamp(index)
                // Within bounds: a message of another time was refused.
                if time.kind < 0 {
                    builder.appendNull()
                } else {
                    builder.append(int64: time.milliseconds * 1_000)
                }
            case .key, .value, .header:
                if let bytes = unsafe bytes(part, messages, index) {
                    // Safe: text was checked, and of bytes nothing is asked.
                    unsafe builder.append(uncheckedUTF8: bytes)
                } else {
                    builder.appendNull()
                }
            }
        }
        return builder.finish()
    }
}
