// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: a look at spans and Huge blocks from outside, for gauges, dumps and
//        crash reports.
// Locks: none for spans; huge for Huge blocks.
// Read next: alloc/large/look.cc

#ifndef HAKMEM_ALLOC_LARGE_LOOK_H_
#define HAKMEM_ALLOC_LARGE_LOOK_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/patience.h"
#include "alloc/large/span_tag.h"

namespace hakmem::large {

struct SpanLook {
  Unit first;
  uint32_t units;
  SpanState state;  // kInner: it could not be made out
  uintptr_t block;  // where the block in it starts
  size_t bytes;     // of the block
};

// The span around an address of the window. units 0: there is none. Reads
// tags, which are never unmapped; walks back 64 MiB at most.
SpanLook LookAtSpan(uintptr_t address);

// The first span, in use or free, at or after a unit; units 0: none in the
// window. Only spans that were there throughout the walk are sure to be seen.
SpanLook NextSpan(Unit from);

struct HugeLook {
  uintptr_t block;  // 0: none
  size_t bytes;
  bool busy;  // the list could not be had in time
};

// The Huge block with the highest start at or below the address.
HugeLook LookAtHuge(uintptr_t address, Patience patience);
// The one with the lowest start above it. Cost: the length of the list.
HugeLook NextHuge(uintptr_t after, Patience patience);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_LOOK_H_
