// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: where free spans come from, and slabs when there is nothing else: a
//        SuperSlab is mixed then, which the slab map and the tags say.
// Locks: none held by the caller.   Read next: alloc/large/span_source.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_SOURCE_H_
#define HAKMEM_ALLOC_LARGE_SPAN_SOURCE_H_

#include <cstddef>

#include "alloc/large/span_tag.h"

namespace hakmem::large {

// Puts memory into the span heap, for a span of `units`: new SuperSlabs, where
// memory is short a part of one, and then the slabs that are free. False: there
// is none.
[[nodiscard]] bool Grow(size_t units);

// A used span of `slabs` whole slabs, out of free spans. 0: none.
[[nodiscard]] Unit TakeSlabs(size_t slabs);

// Puts a slab into the pool of slabs. False: no free span has room for one.
[[nodiscard]] bool AddSlab();

// Makes free spans of all slabs in the pool. False: there are none.
[[nodiscard]] bool AddFreeSlabs();

// Was there ever need for either?
bool WasMixed();

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_SOURCE_H_
