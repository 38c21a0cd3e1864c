// Box:   superslab.   Uses: platform, base.   Must not know: tiny, large.
// Holds: growth of a large heap by huge pages: one page fault for two
//        SuperSlabs instead of 512.
// Locks: none.   Read next: alloc/superslab/slab_pool.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_HUGE_PAGE_H_
#define HAKMEM_ALLOC_SUPERSLAB_HUGE_PAGE_H_

#include <cstddef>

namespace hakmem::superslab {

// Adjacent SuperSlabs, 1 or 2. `resident`: every page of them has been written
// to, as far as the books go; all of it reads as zero, but nobody may count on
// that. first kNoSuper: no memory.
struct Growth {
  size_t first;
  size_t count;
  bool resident;
};

// Maps what a heap grows by that will soon be in use: slabs, and spans that are
// no longer than a SuperSlab. Where there is no memory for a whole one it is a
// part (ClaimPart), if that will do. Makes system calls; the caller holds no
// lock. Thread-safe.
[[nodiscard]] Growth ClaimGrowth(bool part_will_do);

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_HUGE_PAGE_H_
