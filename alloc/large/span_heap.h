// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: the free spans of all threads: best fit, coalesced, dirty ones first.
// Locks: spans; never across a system call.
// Read next: alloc/large/span_heap.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_HEAP_H_
#define HAKMEM_ALLOC_LARGE_SPAN_HEAP_H_

#include <cstddef>

#include "alloc/large/span_tag.h"

namespace hakmem::large {

// Blocks above are mappings of their own: page faults are what they cost,
// wherever they come from.
inline constexpr size_t kMaxSpanBytes = size_t{32} << 20;

struct SpanResult {
  Unit unit;    // 0: no memory
  bool zeroed;  // it reads as zero
};

// A span of `units`, its first unit at a multiple of `align_units` (a power of
// two) in memory. Its tag says kUsed, colour 0. The caller holds no lock.
[[nodiscard]] SpanResult AcquireSpan(size_t units, size_t align_units);

// The same out of free spans only.
[[nodiscard]] SpanResult TakeSpan(size_t units, size_t align_units);

// Frees a span that is the caller's alone: its tag says kCached or kBusy, or
// kUsed of a block that nobody has. As kDirty, or kClean if all of it reads as
// zero and its pages are gone. The caller holds no lock and ends with
// PurgeIfOverBudget.
void ReleaseSpan(Unit unit, SpanState state = SpanState::kDirty);

// Units that were none, as one free span: memory that is new, or slabs; their
// SuperSlabs have a SpanMeta. And a used span of the caller's whose units are
// none from now on.
void AddSpan(Unit unit, uint32_t units, SpanState state = SpanState::kDirty);
void ForgetSpan(Unit unit);

// Makes the used span `new_units` long without moving it. False: not possible.
[[nodiscard]] bool ResizeSpan(Unit unit, size_t new_units);

// Where guards are: the next stretch of a used span's units before `end` that
// were dirty when it was taken. Moves *unit there; returns its length, 0: none.
[[nodiscard]] uint32_t FindDirty(Unit* unit, Unit end);

// Gives dirty free spans back, see superslab/budget.h.
void PurgeSpansTo(size_t keep, bool unmap_all);

// Gauges. `free_units` counts dirty and clean ones.
struct SpanCounts {
  size_t used_spans;
  size_t used_units;
  size_t free_units;
};
SpanCounts ReadSpanCounts();

void LockSpansForFork();
void UnlockSpansAfterFork(bool child);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_HEAP_H_
