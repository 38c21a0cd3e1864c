// Box:   tiny.   Uses: base.   Must not know: wrap, large.
// Holds: the bookkeeping of a thread's bins, for the slow paths.
// Locks: none: all of it is the calling thread's.
// Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_BINS_H_
#define HAKMEM_ALLOC_TINY_BINS_H_

#include "alloc/tiny/heap.h"
#include "alloc/tiny/thread_cache.h"

namespace hakmem::tiny {

// A bin usually holds at most this; 255 for ShuffleChain.
inline constexpr unsigned kBinBlocks = kVariant.armour ? 255 : 2048;

inline unsigned Cached(const ThreadCache& cache, unsigned c) {
  return static_cast<unsigned>(cache.policy[c].limit - cache.room[c]);
}
inline unsigned Cached(unsigned c) { return Cached(t_cache, c); }

inline void SetLimit(unsigned c, unsigned limit) {
  t_cache.room[c] += static_cast<int32_t>(limit) - t_cache.policy[c].limit;
  t_cache.policy[c].limit = static_cast<uint16_t>(limit);
}

// How many blocks the next refill of a bin shall bring: twice as many each
// time, up to half of what it usually may hold.
HAK_COLD unsigned NextBatch(unsigned c);
// It brought so many.
HAK_COLD void NoteRefill(unsigned c, unsigned count, uint64_t now);

// For statistics, which must not read another thread's cache.
HAK_COLD void PublishCached(unsigned c);

// A link or a header of a cached block may have been overwritten by the
// program: nothing is followed before it is known to lead to a slab.
HAK_NOINLINE SlabDescriptor* SlabOfCached(void* block);

// Gives the first `count` blocks of a list of cached blocks of a class back to
// their slabs, and returns the others. `heap`: whose they mostly are, or
// nullptr. `keep_empty`: as for ReturnListLocked.
HAK_COLD void* ReturnBlocks(Heap* heap, unsigned size_class, void* list,
                            unsigned count, bool keep_empty);

// Returns the newest `count` blocks of a bin, which has as many.
HAK_COLD void FlushBin(unsigned c, unsigned count, bool keep_empty);

// Empties the calling thread's bins, and lets them take nothing until a slow
// path has seen that the class is in use.
HAK_COLD void FlushAllBins();

// The calling thread's heap. nullptr: it must keep nothing back, or there is no
// memory for one.
Heap* OwnHeap();

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_BINS_H_
