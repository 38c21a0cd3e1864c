// Box:   wrap.   Uses: base.   Must not know: nothing is above.
// Holds: what happens to pointers that are not ours, and the only declarations
//        of libc's own heap. Compiled out unless kRoutesForeign.
// Locks: none.   Read next: alloc/wrap/memory.cc

#ifndef HAKMEM_ALLOC_WRAP_DOMAIN_H_
#define HAKMEM_ALLOC_WRAP_DOMAIN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/base/variant.h"
#include "platform/cpu.h"
#include "platform/libc_kind.h"

// Never referenced where domain_route is off, so that libc's heap is not even
// linked there.
extern "C" {
void __real_free(void* pointer);
void* __real_realloc(void* pointer, size_t bytes);
void __real___libc_free(void* pointer);
void* __real___libc_realloc(void* pointer, size_t bytes);
size_t __real_malloc_usable_size(void* pointer);
}

namespace hakmem::wrap {

template <bool kRoute>
struct Domain;

// Nothing, not even a symbol.
template <>
struct Domain<false> {
  static uint64_t Count() { return 0; }
};

template <>
struct Domain<true> {
  // inline: a definition elsewhere would be there in release, too.
  static inline std::atomic<uint64_t> frees{0};

  static uint64_t Count() {
    // relaxed: a gauge.
    return frees.load(std::memory_order_relaxed);
  }
  static void Free(void* pointer) {
    // relaxed: a gauge.
    frees.fetch_add(1, std::memory_order_relaxed);
    // musl's free and realloc hold no heap: they call the names that --wrap
    // sends to us, and the pointer would go round for ever.
    if constexpr (platform::kGlibc) {
      __real_free(pointer);
    } else {
      __real___libc_free(pointer);
    }
  }
  static void* Realloc(void* pointer, size_t bytes) {
    if constexpr (platform::kGlibc) return __real_realloc(pointer, bytes);
    return __real___libc_realloc(pointer, bytes);
  }
};

using Foreign = Domain<kRoutesForeign>;

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_DOMAIN_H_
