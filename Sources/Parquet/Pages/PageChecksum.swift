import CZlib

/// The CRC of a page as stored: the polynomial of zlib, over the bytes after the header.
func pageChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let start = unsafe bytes.bindMemory(to: UInt8.self).baseAddress
    return UInt32(truncatingIfNeeded: unsafe crc32_z(0, start, bytes.count))
}
