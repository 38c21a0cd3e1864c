// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: what the hardened variant does with large blocks beyond the others.
// Locks: none held by the caller.   Read next: alloc/large/armour.cc
//
//   | unused | canaries | n bytes that were asked for | canaries | guard page |
//   ^ first unit  64    ^ the block                     >= 16
//
// A block lies as near to its guard as 64-byte lines allow. From kGuardFrom
// bytes on it has one, and on 4 KiB pages another in front, so that one of
// whole pages has no room for canaries, nor needs any. When it is freed its
// pages go back to the kernel, or are zeroed if they may stay, and all access
// to them is taken away; shorter ones are zeroed. Both kinds stay in quarantine
// for a while.

#ifndef HAKMEM_ALLOC_LARGE_ARMOUR_H_
#define HAKMEM_ALLOC_LARGE_ARMOUR_H_

#include <cstddef>

#include "alloc/large/large.h"
#include "alloc/large/span_tag.h"

namespace hakmem::large {

inline constexpr size_t kGuardFrom = size_t{64} << 10;

// A block in a span, zeroed. nullptr: no memory, or too large for spans.
[[nodiscard]] void* AllocateArmoured(size_t bytes, size_t alignment);

// Of a block in a used span: what it was asked for.
size_t AskedBytes(void* pointer, Unit unit, SpanTag tag);

// Looks at the canaries of a span whose tag has just been moved from kUsed, and
// takes it into quarantine.
void FreeArmoured(void* pointer, Unit unit, SpanTag tag);

// Makes the block `bytes` long where it is. False: no room, or too much.
[[nodiscard]] bool ResizeArmoured(void* pointer, Unit unit, SpanTag tag,
                                  size_t bytes);

// Memory is out, or all of it is wanted back.
void EmptyQuarantine();
// What is in quarantine, and units in front of spans: gauges.
struct Detained {
  size_t spans;
  size_t bytes;
  size_t front_units;
};
Detained CountQuarantine();

// The bytes behind a block, up to the end of what is mapped for it.
void WriteCanaries(void* from, size_t bytes);
[[nodiscard]] bool CanariesIntact(const void* from, size_t bytes);
[[noreturn]] HAK_COLD void ReportOverflow(const void* block, const char* kind);

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_ARMOUR_H_
