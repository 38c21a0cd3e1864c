// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: slabs without access.
// Locks: none.   Read next: alloc/superslab/slab_pool.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_GUARD_SLAB_H_
#define HAKMEM_ALLOC_SUPERSLAB_GUARD_SLAB_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/superslab/super_word.h"
#include "alloc/superslab/window.h"
#include "platform/page_source.h"

namespace hakmem::superslab {

// Where guards are wanted the last slab of a SuperSlab is one: from no small
// block can anybody write a MiB in either direction without meeting it. Each is
// a mapping more, so in a large heap fewer have one. Returns a mask of slabs.
inline uint16_t PlaceGuard([[maybe_unused]] size_t super_index) {
  if constexpr (kVariant.guards) {
    constexpr size_t kAllBelow = 256;
    const size_t slab = (super_index + 1) * kSlabsPerSuper - 1;
    if ((super_index < kAllBelow || super_index % 16 == 0) &&
        platform::Forbid(At<void>(SlabAddress(slab)), kSlabBytes)) {
      return 1u << (kSlabsPerSuper - 1);
    }
  }
  return 0;
}

// Is nothing of the SuperSlab in use, and may it be unmapped?
inline bool AllFree(const SuperMeta* meta, SuperWord word) {
  // relaxed: set while one of its slabs was out of the word.
  if (meta->mixed.load(std::memory_order_relaxed) != 0) return false;
  return word.all_free(meta->guards.load(std::memory_order_relaxed));
}

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_GUARD_SLAB_H_
