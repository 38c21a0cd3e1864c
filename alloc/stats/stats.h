// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the counters of the boxes below, added up. Owns none itself.
// Locks: one heap's at a time, for as long as 32 additions take.
// Read next: alloc/stats/stats.cc

#ifndef HAKMEM_ALLOC_STATS_STATS_H_
#define HAKMEM_ALLOC_STATS_STATS_H_

#include <cstddef>
#include <cstdint>

#include "alloc/tiny/size_class.h"

namespace hakmem::stats {

struct ClassTotals {
  size_t slabs;
  size_t used;
  size_t cached;
  uint64_t refilled;
  uint64_t flushed;
};

// See hakmem.h for what each means.
struct Totals {
  size_t live;
  size_t cached;
  size_t committed;
  size_t dirty;
  size_t mapped;
  size_t peak_mapped;
  size_t purged;
  size_t metadata;
  size_t large_blocks;
  size_t large_bytes;
  size_t huge_blocks;
  size_t huge_bytes;
  size_t heaps;
  uint64_t slabs_from_pool;
  uint64_t slabs_from_mapping;
  ClassTotals classes[tiny::kClasses];
};

void Read(Totals* totals);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_STATS_H_
