// Box:   stats.   Uses: tiny, large, superslab.   Must not know: wrap.
// Holds: the counters of the boxes below, added up. Owns none itself.
// Locks: one at a time, for a few additions for each class at most.
// Read next: alloc/stats/stats.cc

#ifndef HAKMEM_ALLOC_STATS_STATS_H_
#define HAKMEM_ALLOC_STATS_STATS_H_

#include <cstddef>
#include <cstdint>

#include "alloc/tiny/size_class.h"

namespace hakmem::tiny {
struct Heap;
}

namespace hakmem::stats {

struct ClassTotals {
  size_t slabs;
  size_t used;
  size_t cached;
  uint64_t refilled;
  uint64_t flushed;
};

// See hakmem.h for what each means; in the order of hak_stats, and of the names
// in report.cc.
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
  size_t live_blocks;
  size_t cached_blocks;
  size_t purges;
  ClassTotals classes[tiny::kClasses];
};

void Read(Totals* totals);

struct HeapTotals {
  uint32_t id;
  bool idle;         // its thread has ended, and no other has taken it over
  size_t slabs;      // that belong to it
  size_t used;       // bytes in their blocks that are live or cached
  size_t cached;     // bytes in the cache of its thread
  size_t committed;  // bytes of their pages that were written
};
HeapTotals ReadHeap(tiny::Heap& heap);

// Of a process that may be stopped in the middle of anything: what can be read
// without a lock.
struct Glance {
  size_t live;  // as far as the heaps have told
  size_t dirty;
  size_t mapped;
  size_t peak_mapped;
  size_t purged;
};
Glance ReadGlance();

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_STATS_H_
