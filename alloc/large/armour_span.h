// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: what is known of a span of the hardened variant beyond its tag: where
//        its guards are, and where what its block may use ends.
// Locks: none: of a span in use, or detained, it is its holder's.
// Read next: alloc/large/detention.h

#ifndef HAKMEM_ALLOC_LARGE_ARMOUR_SPAN_H_
#define HAKMEM_ALLOC_LARGE_ARMOUR_SPAN_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/large/span_tag.h"
#include "platform/page_source.h"

namespace hakmem::large {

// Where a span's free neighbours' links would be: of a used one the bytes
// behind the block, and what lies around it.
inline uint32_t& TailOf(Unit unit) {
  return MetaOf(unit).next[unit % kUnitsPerSuper];
}
inline uint32_t& AroundOf(Unit unit) {
  return MetaOf(unit).prev[unit % kUnitsPerSuper];
}
// Flags: its last page is without access; the unit before it is one, too;
inline constexpr uint32_t kGuardBehind = 1;
inline constexpr uint32_t kUnitInFront = 2;
// freed and zeroed, its pages were not given back; freed, but the kernel would
// not take access to it away.
inline constexpr uint32_t kPagesKept = 4;
inline constexpr uint32_t kOpen = 8;
// Above the flags: units behind its guard, which are as inaccessible. A parked
// span may be longer than what it is used for next.
inline constexpr unsigned kRestShift = 4;
inline constexpr uint32_t kAroundFlags = (1u << kRestShift) - 1;
inline bool IsGuarded(Unit unit) {
  return (AroundOf(unit) & kGuardBehind) != 0;
}

// With small pages a guarded block has one in front of it, too. That unit is a
// span of its own as long as the block's is in use.
inline uint32_t FrontUnits(bool guarded, size_t alignment) {
  return guarded && alignment <= platform::kCacheLine &&
                 platform::PageSize() == kUnitBytes
             ? 1
             : 0;
}

// Units that hold a whole page wherever they begin.
inline uint32_t GuardUnits() {
  return static_cast<uint32_t>(2 * (platform::PageSize() >> kUnitShift) - 1);
}
inline uintptr_t PageBefore(Unit end) {
  return AlignDown(UnitAddress(end), platform::PageSize()) -
         platform::PageSize();
}
// The end of what a block of the span may use.
inline uintptr_t EndOf(Unit unit, SpanTag tag) {
  const Unit end = unit + tag.units - (AroundOf(unit) >> kRestShift);
  return IsGuarded(unit) ? PageBefore(end) : UnitAddress(end);
}

// Whole pages of the span, the guard among them.
struct Pages {
  void* start;
  size_t bytes;
};
inline Pages PagesOf(Unit unit, SpanTag tag) {
  const uintptr_t start = AlignUp(UnitAddress(unit), platform::PageSize());
  const uintptr_t end =
      AlignDown(UnitAddress(unit + tag.units), platform::PageSize());
  return {At<void>(start), end > start ? end - start : 0};
}

// Zeroes what was the program's, and the canaries around it.
inline void ZeroContent(Unit unit, SpanTag tag) {
  const uintptr_t start = UnitAddress(unit);
  ZeroRange(At<void>(start), EndOf(unit, tag) - start);
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_ARMOUR_SPAN_H_
