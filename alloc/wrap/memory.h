// Box:   wrap.   Uses: tiny, large.   Must not know: nothing is above.
// Holds: malloc and friends as C++ functions: the C and POSIX rules (overflow,
//        alignment, errno, zero sizes) and which box serves what.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#ifndef HAKMEM_ALLOC_WRAP_MEMORY_H_
#define HAKMEM_ALLOC_WRAP_MEMORY_H_

#include <errno.h>
#include <stdint.h>

#include <cstddef>

#include "alloc/base/variant.h"
#include "alloc/tiny/thread_cache.h"
#include "alloc/wrap/armoured.h"
#include "platform/cpu.h"

namespace hakmem::wrap {

// Where the fast path leaves to.
struct Slow {
  // nullptr with errno ENOMEM: no memory.
  HAK_NOINLINE static void* Malloc(size_t bytes);
  HAK_NOINLINE static void Free(void* pointer);
  // Ends the process if the size cannot be the block's.
  HAK_COLD static void FreeSized(void* pointer, size_t bytes);
};

HAK_INLINE void* Malloc(size_t bytes) {
  if constexpr (kVariant.armour) return ArmouredMalloc(bytes);
  return tiny::MallocFast<Slow>(bytes);
}
HAK_INLINE void Free(void* pointer) {
  if constexpr (kVariant.armour) return ArmouredFree(pointer);
  return tiny::FreeFast<Slow>(pointer);
}

// Errors as in C and POSIX: nullptr with errno ENOMEM (no memory, or the size
// overflows) or EINVAL (an alignment that is no power of two).
void* Calloc(size_t count, size_t size);
// realloc(p, 0) frees and returns nullptr on glibc, returns a block on musl.
void* Realloc(void* pointer, size_t bytes);
void* AlignedAlloc(size_t alignment, size_t bytes);
// The same, but as the libcs are lenient: with glibc any alignment is rounded
// up to a power of two, with musl only 0 is.
void* Memalign(size_t alignment, size_t bytes);
// Returns 0, EINVAL or ENOMEM, and sets errno only to ENOMEM, as the libcs do.
int PosixMemalign(void** result, size_t alignment, size_t bytes);
void* Valloc(size_t bytes);
void* Pvalloc(size_t bytes);

// 0 for nullptr. Aborts for what is not a live block.
size_t UsableSize(void* pointer);
void FreeSized(void* pointer, size_t bytes);

// ---- For the files of this box.

// No object may be larger, so that pointers into it can be subtracted.
inline constexpr size_t kMaxBytes = PTRDIFF_MAX;

// A block that calloc was asked for, or realloc has made so large, is a span;
// others are if no slab is to be had.
inline constexpr size_t kLeastSpan =
    kVariant.armour ? tiny::kMaxSmall + 1
                    : size_t{tiny::kStride[tiny::kEighthClass - 1]};

inline void* OutOfMemory() {
  errno = ENOMEM;
  return nullptr;
}

// Not inline: off the fast path size counts, and a call does not.
HAK_NOINLINE void* MallocCall(size_t bytes);
HAK_NOINLINE void* AllocateCached(size_t bytes, unsigned most_color);

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_MEMORY_H_
