// Box:   wrap.   Uses: tiny, large, platform.   Nothing is above.
// Holds: malloc with an alignment, by all its names.
// Locks: none.   Read next: alloc/tiny/aligned_blocks.cc

#include <errno.h>
#include <stdint.h>

#include "alloc/base/pointers.h"
#include "alloc/base/sampling.h"
#include "alloc/large/large.h"
#include "alloc/large/span_cache.h"
#include "alloc/tiny/aligned_shape.h"
#include "alloc/tiny/armour.h"
#include "alloc/tiny/small.h"
#include "alloc/wrap/memory.h"
#include "alloc/wrap/relief.h"
#include "platform/libc_kind.h"
#include "platform/page_source.h"

namespace hakmem::wrap {
namespace {

constexpr bool IsPowerOfTwo(size_t n) { return n != 0 && (n & (n - 1)) == 0; }

void* SmallAligned(size_t alignment, size_t bytes) {
  if constexpr (kVariant.armour) {
    const size_t whole = tiny::WithSlack(bytes);
    void* block = tiny::AllocateAligned(alignment, whole);
    if (block != nullptr) {
      tiny::Arm(block,
                tiny::kStride[tiny::ShapeFor(alignment, whole).size_class],
                bytes);
    }
    return block;
  }
  return tiny::AllocateAligned(alignment, bytes);
}

HAK_INLINE bool IsSmallAligned(size_t alignment, size_t bytes) {
  constexpr size_t kMost =
      kVariant.armour ? tiny::kMaxArmoured : kLeastSpan - 1;
  return alignment <= tiny::kMaxAlignment && bytes <= kMost;
}

// What Aligned could not serve, or once already did not.
HAK_NOINLINE void* AlignedSlow(size_t alignment, size_t bytes) {
  if (alignment <= tiny::kUnit) return MallocCall(bytes);
  if (bytes > kMaxBytes - alignment) return OutOfMemory();
  unsigned tries = 0;
  do {
    void* block = nullptr;
    if (IsSmallAligned(alignment, bytes)) {
      if (tries != 0) block = SmallAligned(alignment, bytes);
    } else if (!kVariant.armour && alignment <= large::kUnitBytes &&
               bytes - 1 < large::kMaxCachedBytes) {
      block = AllocateCached(bytes, 0);
    }
    if (block == nullptr) block = large::Allocate(bytes, alignment).pointer;
    if (HAK_LIKELY(block != nullptr)) return Sampled(block, bytes);
  } while (Relieve(bytes, tries++));
  return OutOfMemory();
}

void* Aligned(size_t alignment, size_t bytes) {
  if (HAK_LIKELY(alignment > tiny::kUnit && IsSmallAligned(alignment, bytes))) {
    void* block = SmallAligned(alignment, bytes);
    if (HAK_LIKELY(block != nullptr)) return Sampled(block, bytes);
  }
  return AlignedSlow(alignment, bytes);
}

}  // namespace

void* AlignedAlloc(size_t alignment, size_t bytes) {
  if (!IsPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return Aligned(alignment, bytes);
}

void* Memalign(size_t alignment, size_t bytes) {
  if (alignment == 0) alignment = 1;
  if constexpr (platform::kGlibc) {
    size_t power = 1;
    // 0, which is refused, if there is none so large.
    while (power != 0 && power < alignment) power <<= 1;
    alignment = power;
  }
  return AlignedAlloc(alignment, bytes);
}

int PosixMemalign(void** result, size_t alignment, size_t bytes) {
  platform::KeepFrame();
  if (!IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) {
    return EINVAL;
  }
  void* block = Aligned(alignment, bytes);
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

void* Valloc(size_t bytes) { return Aligned(platform::PageSize(), bytes); }

void* Pvalloc(size_t bytes) {
  const size_t page = platform::PageSize();
  if (bytes > kMaxBytes - page) return OutOfMemory();
  return Aligned(page, AlignUp(bytes, page));
}

}  // namespace hakmem::wrap
