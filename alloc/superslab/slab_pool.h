// Box:   superslab.   Uses: platform, base.   Must not know: size classes.
// Holds: the pool of free slabs that all heaps share.
// Locks: none held across a call; see slab_pool.cc.
// Read next: alloc/superslab/slab_pool.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_SLAB_POOL_H_
#define HAKMEM_ALLOC_SUPERSLAB_SLAB_POOL_H_

#include <cstddef>
#include <cstdint>

#include "alloc/superslab/slab_descriptor.h"
#include "platform/page_source.h"

namespace hakmem::superslab {

// Which stage served an acquire: gauges, in the order of their cost.
struct PoolCounts {
  uint64_t from_pool;
  uint64_t from_mapping;
  uint64_t released;
};

// A slab that belongs to the caller alone from now on. Its clean_pages say
// which pages read as zero; its slab map byte is still what it was before.
// nullptr: no memory. Lock-free unless a SuperSlab has to be mapped. The
// caller holds no lock. Thread-safe.
[[nodiscard]] SlabDescriptor* AcquireSlab();

// A free slab, if there is one already.
[[nodiscard]] SlabDescriptor* TakeFreeSlab();

// Where memory is out free spans become slabs: alloc/large puts some into the
// pool by this. nullptr: there are no spans. False: none are free.
using AddSlabs = bool (*)();
extern std::atomic<AddSlabs> g_add_slabs;
// The descriptors of a SuperSlab of spans, which has slabs from now on, or of
// one of slabs that has spans. nullptr: no memory.
enum class Lender : unsigned char { kSpans, kSlabs };
[[nodiscard]] SuperMeta* Mix(size_t super_index, Lender lender);

// Gives a slab back; nobody may hold a block of it. Its map byte becomes
// kReleased. The caller holds no lock, and calls PurgeIfOverBudget afterwards.
void ReleaseSlab(SlabDescriptor* slab);

// Gives dirty slabs back to the kernel until at most `keep` bytes of free
// memory, slabs and spans together, are dirty, and unmaps SuperSlabs that are
// wholly free but `keep_supers`.
void PurgeSlabs(size_t keep, size_t keep_supers);

// Around fork: no SuperSlab is half mapped in the child.
void LockPoolForFork();
void UnlockPoolForFork(bool child);

// All pages of a slab, as bits of clean_pages.
uint16_t AllPages();
inline unsigned PagesPerSlab() {
  return static_cast<unsigned>(kSlabBytes / platform::PageSize());
}

PoolCounts ReadPoolCounts();

// The free slabs of a SuperSlab; a walk for statistics and checks.
uint16_t FreeSlabs(size_t super_index);

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_SLAB_POOL_H_
