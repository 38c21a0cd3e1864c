// Box:   superslab.   Uses: base.   Must not know: who acquires.
// Holds: how often each early stage of the acquire served a slab; nothing
//        where locks do not count either.
// Locks: none.   Read next: alloc/superslab/slab_pool.h

#ifndef HAKMEM_ALLOC_SUPERSLAB_STAGE_COUNTS_H_
#define HAKMEM_ALLOC_SUPERSLAB_STAGE_COUNTS_H_

#include <atomic>
#include <cstdint>

#include "alloc/base/variant.h"

namespace hakmem::superslab {

// The stages before the pool, cheapest first; the later two are in PoolCounts.
enum class Stage : uint8_t {
  kKept,     // the heap had kept the empty slab
  kAdopted,  // an orphan with free blocks
};

template <bool kCount>
struct StageCounts {
  static void Add(Stage) {}
};

template <>
struct StageCounts<true> {
  // inline: a definition elsewhere would be there in release, too.
  static inline std::atomic<uint64_t> kept{0};
  static inline std::atomic<uint64_t> adopted{0};

  static void Add(Stage stage) {
    // relaxed: gauges.
    (stage == Stage::kKept ? kept : adopted)
        .fetch_add(1, std::memory_order_relaxed);
  }
};

using Stages = StageCounts<kVariant.lock_stats>;

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_STAGE_COUNTS_H_
