#pragma once
/// Calls that Swift cannot make itself: glibc functions that are variadic or hidden behind
/// _GNU_SOURCE.

/// renameat2(2) with RENAME_NOREPLACE: 0, or -1 with errno EEXIST when `to` exists.
int csystem_rename_noreplace(const char *from, const char *to);

/// renameat2(2) with RENAME_EXCHANGE: both names exist before and after, with contents swapped.
int csystem_rename_exchange(const char *first, const char *second);

struct dirent;
/// The name of a directory entry: d_name is an array, which Swift sees as a tuple of 256.
const char *csystem_entry_name(const struct dirent *entry);

/// Nanoseconds that the calling thread has waited for syncs, to be added to by whoever syncs: Swift
/// has no variables of a thread.
unsigned long long *csystem_thread_sync_nanos(void);

/// mallopt(3): memory that was freed stays with the process, up to `bytes` of each arena, instead of
/// being given back to the kernel and cleared by it when it is asked for again.
void csystem_keep_freed_memory(int bytes);

/// The calling thread gets the lowest nice value, and the lowest of the ordinary priorities of
/// ioprio_set(2), which glibc does not wrap. Errors are ignored.
void csystem_lower_thread_priority(void);
