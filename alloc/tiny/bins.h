// Box:   tiny.   Uses: base.   Must not know: wrap, large.
// Holds: the bookkeeping of a thread's bins, for the slow paths.
// Locks: none: all of it is the calling thread's.
// Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_BINS_H_
#define HAKMEM_ALLOC_TINY_BINS_H_

#include "alloc/tiny/heap.h"
#include "alloc/tiny/thread_cache.h"

namespace hakmem::tiny {

// A bin holds at most this; 255 for ShuffleChain.
inline constexpr unsigned kBinBlocks = kVariant.armour ? 255 : 2048;

inline unsigned Cached(unsigned c) {
  return static_cast<unsigned>(t_cache.policy[c].limit - t_cache.room[c]);
}

inline void SetLimit(unsigned c, unsigned limit) {
  t_cache.room[c] += static_cast<int32_t>(limit) - t_cache.policy[c].limit;
  t_cache.policy[c].limit = static_cast<uint16_t>(limit);
}

// For statistics, which must not read another thread's cache.
HAK_COLD void PublishCached(unsigned c);

// A link or a header of a cached block may have been overwritten by the
// program: nothing is followed before it is known to lead to a slab.
SlabDescriptor* SlabOfCached(void* block);

// Gives a list of cached blocks back to their slabs. `heap`: whose they mostly
// are, or nullptr. `keep_empty`: as for ReturnRunLocked.
HAK_COLD void ReturnBlocks(Heap* heap, void* list, bool keep_empty);

// Keeps the newest `keep` blocks of a bin and returns the others.
HAK_COLD void FlushBin(unsigned c, unsigned keep, bool keep_empty);

// Empties the calling thread's bins, and lets them take nothing until a slow
// path has seen that the class is in use.
HAK_COLD void FlushAllBins();

// The calling thread's heap. nullptr: it must keep nothing back, or there is no
// memory for one.
Heap* OwnHeap();

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_BINS_H_
