#pragma once
/// The files of the page, each packed with gzip, as `make page` left them; none in a build that was
/// made without it.
#include <stddef.h>
#include <stdint.h>

struct cassets_file {
    const char *name;
    const uint8_t *bytes;
    size_t count;
};

/// A file by its place, NULL behind the last.
const struct cassets_file *cassets_file(int place);
