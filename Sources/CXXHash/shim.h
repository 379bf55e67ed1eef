#include <xxhash.h>
#if defined(__x86_64__)
// The library's own choice of the widest vectors that the processor has; the values are the same.
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#endif

/// XXH3 in 64 bits of some bytes.
static inline XXH64_hash_t cxxhash_xxh3(const void *bytes, size_t count, XXH64_hash_t seed) {
#if defined(__x86_64__)
    return XXH3_64bits_withSeed_dispatch(bytes, count, seed);
#else
    return XXH3_64bits_withSeed(bytes, count, seed);
#endif
}

/// Takes the next bytes into a state of XXH3.
static inline XXH_errorcode cxxhash_xxh3_update(XXH3_state_t *state, const void *bytes, size_t count) {
#if defined(__x86_64__)
    return XXH3_64bits_update_dispatch(state, bytes, count);
#else
    return XXH3_64bits_update(state, bytes, count);
#endif
}
