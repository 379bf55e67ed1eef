extension Column {
    /// The rows at `indices`, in that order; indices may repeat.
    public func gather(_ indices: [Int32]) -> Column {
        let picked = indices.count
        let validity = self.validity?.gather(indices)
        switch type.layout {
        case .bits:
            // `bits` is set for every boolean column.
            return Column(bits: bits.map { $0.gather(indices) } ?? Bitmap([]), validity: validity)
        case .int32, .dictionary:
            return gathered(indices, as: Int32.self, picked, validity)
        case .int64:
            return gathered(indices, as: Int64.self, picked, validity)
        case .int128:
            return gathered(indices, as: Int128.self, picked, validity)
        case .float64:
            return gathered(indices, as: Double.self, picked, validity)
        }
    }

    private func gathered<T: BitwiseCopyable>(
        _ indices: [Int32], as type: T.Type, _ picked: Int, _ validity: Bitmap?
    ) -> Column {
        let source = values.span(of: T.self).extracting(first: count)
        let gathered = Buffer(of: T.self, count: picked) { output in
            for index in indices { output.append(source[Int(index)]) }
        }
        return Column(
            copying: self, values: gathered, bits: nil, count: picked, validity: validity)
    }

    /// The rows whose bit is set, in order.
    public func filter(_ selection: Bitmap) -> Column { gather(selection.setBitIndices()) }

    /// Columns of one type end to end.
    ///
    /// - Throws: when distinct strings take more than `stringBytesMax`.
    public static func concatenate(
        _ columns: [Column], type: DataType,
        stringBytesMax: Int = StringDictionary.byteCountMax
    ) throws(StringsTooLarge) -> Column {
        precondition(columns.allSatisfy { $0.type == type }, "columns of different types")
        if columns.count == 1 { return columns[0] }
        let count = columns.reduce(0) { $0 + $1.count }
        var validity: Bitmap?
        if columns.contains(where: { $0.validity != nil }) {
            validity = Bitmap.concatenate(
                columns.map { $0.validity ?? Bitmap(repeating: true, count: $0.count) })
        }
        switch type.layout {
        case .bits:
            return Column(bits: Bitmap.concatenate(columns.compactMap(\.bits)), validity: validity)
        case .dictionary:
            return try concatenateStrings(
                columns, type, count: count, validity: validity, stringBytesMax)
        case .int32, .int64, .int128, .float64:
            let width = type.byteWidth
            let joined = unsafe Buffer(byteCount: count * width) { output in
                var position = 0
                for column in columns {
                    let bytes = unsafe UnsafeRawBufferPointer(
                        rebasing: column.values.unsafeBytes[..<(column.count * width)])
                    unsafe UnsafeMutableRawBufferPointer(rebasing: output[position...])
                        .copyMemory(from: bytes)
                    position += bytes.count
                }
            }
            return Column(type, values: joined, count: count, validity: validity)
        }
    }

    private static func concatenateStrings(
        _ columns: [Column], _ type: DataType, count: Int, validity: Bitmap?,
        _ stringBytesMax: Int
    ) throws(StringsTooLarge) -> Column {
        let interner = StringInterner()
        let codes = try Buffer(of: Int32.self, count: count) {
            (output) throws(StringsTooLarge) in
            for column in columns {
                guard let dictionary = column.dictionary else { continue }
                var translation = [Int32](repeating: -1, count: dictionary.count)
                let source = column.int32s
                for row in 0..<column.count {
                    let code = Int(source[row])
                    if translation[code] < 0 {
                        translation[code] = unsafe interner.intern(dictionary.unsafeBytes(at: code))
                        guard interner.byteCount <= stringBytesMax else { throw StringsTooLarge() }
                    }
                    output.append(translation[code])
                }
            }
        }
        // Safe: every code was given by the interner that the dictionary is made of.
        return unsafe Column(
            type, uncheckedCodes: codes, dictionary: interner.dictionary(), count: count,
            validity: validity)
    }
}

extension Bitmap {
    /// The bits at `indices`, in that order.
    public func gather(_ indices: [Int32]) -> Bitmap {
        Bitmap(wordsFor: indices.count) { index in
            var word: UInt64 = 0
            let first = index * 64
            for place in 0..<min(64, indices.count - first) where self[Int(indices[first + place])]
            {
                word |= 1 << UInt64(place)
            }
            return word
        }
    }

    /// Bitmaps end to end.
    public static func concatenate(_ bitmaps: [Bitmap]) -> Bitmap {
        let count = bitmaps.reduce(0) { $0 + $1.count }
        let buffer = unsafe Buffer(byteCount: (count + 63) / 64 * 8) { output in
            var position = 0
            for bitmap in bitmaps {
                for index in 0..<bitmap.wordCount {
                    let word = bitmap.word(index)
                    let used = min(64, bitmap.count - index * 64)
                    unsafe output.orWord(word, atBit: position)
                    position += used
                }
            }
        }
        return Bitmap(buffer, count: count)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Sets the bits of `word` starting at `bit`.
    ///
    /// The memory is a whole number of words, zero from `bit` on, and `word` has no bit past the
    /// end.
    fileprivate func orWord(_ word: UInt64, atBit bit: Int) {
        let index = bit >> 6
        let shift = UInt64(bit & 63)
        let low = unsafe loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) | word << shift
        unsafe storeBytes(of: low, toByteOffset: index * 8, as: UInt64.self)
        guard shift != 0, word >> (64 - shift) != 0 else { return }
        unsafe storeBytes(of: word >> (64 - shift), toByteOffset: index * 8 + 8, as: UInt64.self)
    }
}
