#pragma once

#include "CSimdjsonDocument.h"

#include "CSimdjsonLines.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The name of the instruction set that simdjson chose for this machine ("icelake", "haswell", …).
const char *csimdjson_implementation(void);

#ifdef __cplusplus
}
#endif
