#define _GNU_SOURCE
#include <malloc.h>
#include "CSystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int csystem_rename_noreplace(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int csystem_rename_exchange(const char *first, const char *second) {
    return renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE);
}

const char *csystem_entry_name(const struct dirent *entry) {
    return entry->d_name;
}

unsigned long long *csystem_thread_sync_nanos(void) {
    static _Thread_local unsigned long long nanos;
    return &nanos;
}

void csystem_keep_freed_memory(int bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    // Larger pieces come from the kernel and go back to it one by one.
    mallopt(M_MMAP_THRESHOLD, bytes / 8);
}

void csystem_lower_thread_priority(void) {
    // 0 is the calling thread for both calls. The second: class best effort, priority 7.
    setpriority(PRIO_PROCESS, 0, 19);
    syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7);
}
