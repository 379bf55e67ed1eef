#include "CSimdjson.h"

#include <simdjson.h>

extern "C" const char *csimdjson_implementation(void) {
    static const std::string name = simdjson::get_active_implementation()->name();
    return name.c_str();
}
