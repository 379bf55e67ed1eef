import CSystem

/// How long threads wait until the disk has what they wrote.
public enum SyncTime {
    /// Nanoseconds that the calling thread has waited so far; differences are what counts.
    public static var nanosOfThisThread: UInt64 {
        // Safe: the pointer is to a variable of the calling thread.
        unsafe csystem_thread_sync_nanos().pointee
    }

    /// Does a sync and adds its time.
    static func measure(_ sync: () -> Int32) -> Int32 {
        let begun = SystemTime().monotonicNanos()
        let result = sync()
        unsafe csystem_thread_sync_nanos().pointee += SystemTime().monotonicNanos() - begun
        return result
    }
}
