#pragma once
/// Calls that Swift cannot make itself: glibc functions that are variadic or hidden behind
/// _GNU_SOURCE.

/// renameat2(2) with RENAME_NOREPLACE: 0, or -1 with errno EEXIST when `to` exists.
int csystem_rename_noreplace(const char *from, const char *to);
