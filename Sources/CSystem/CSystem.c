#define _GNU_SOURCE
#include "CSystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

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
