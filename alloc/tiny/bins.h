// Box:   tiny.   Uses: base.   Must not know: wrap, large.
// Holds: the bookkeeping of a thread's bins, for the slow paths.
// Locks: none: all of it is the calling thread's.
// Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_BINS_H_
#define HAKMEM_ALLOC_TINY_BINS_H_

#include "alloc/tiny/heap.h"
#include "alloc/tiny/thread_cache.h"

namespace hakmem::tiny {

inline unsigned Cached(unsigned c) {
  return static_cast<unsigned>(t_cache.policy[c].limit - t_cache.room[c]);
}

inline void SetLimit(unsigned c, unsigned limit) {
  t_cache.room[c] += static_cast<int32_t>(limit) - t_cache.policy[c].limit;
  t_cache.policy[c].limit = static_cast<uint16_t>(limit);
}

// The calling thread's heap. nullptr: it must keep nothing back, or there is no
// memory for one.
Heap* OwnHeap();

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_BINS_H_
