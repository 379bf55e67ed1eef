import CSystem

/// Makes the calling thread give way to all others, on the processor and on the disk, for good.
///
/// Where the kernel does not allow it, nothing happens.
public func lowerPriorityOfThisThread() { csystem_lower_thread_priority() }
