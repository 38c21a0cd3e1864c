// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: what becomes of a span of the hardened variant after its free, until
//        it is a free span or another block's.
// Locks: none held by the caller.   Read next: alloc/large/detention.cc
//
//   free ──► no access, or zero ──► quarantine ──► parked ──► a free span
//                                                    └──► a block of its length
//
// What quarantine and parking hold is counted, and given up when memory is out
// or wanted back: EmptyQuarantine in armour.h.

#ifndef HAKMEM_ALLOC_LARGE_DETENTION_H_
#define HAKMEM_ALLOC_LARGE_DETENTION_H_

#include "alloc/large/span_tag.h"
#include "platform/cpu.h"

namespace hakmem::large {

// A guard behind the span's block. False: there are enough, or the kernel has
// no mapping left.
[[nodiscard]] bool TakeGuard(Unit unit, SpanTag tag);

// Takes a span whose block was freed, and its contents or all access to them.
void Detain(Unit unit, SpanTag tag);

// A parked span of `units` or a little more, its guards in place. 0: none.
[[nodiscard]] Unit Unpark(uint32_t units, bool guarded);

// A unit was put in front of a block's span.
void NoteFront(uint32_t units);

[[noreturn]] HAK_COLD void ReportWriteAfterFree(uintptr_t start);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_DETENTION_H_
