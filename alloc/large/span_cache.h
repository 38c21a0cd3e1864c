// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: the thread's cache of short spans, and the way of a block of up to
//        64 KiB through it: what malloc and free take when they are not small.
// Locks: none.   Read next: alloc/large/large.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_
#define HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/pointers.h"
#include "alloc/base/thread_phase.h"
#include "alloc/large/span_tag.h"
#include "platform/cpu.h"

namespace hakmem::large {

inline constexpr unsigned kCachedUnits = 16;
inline constexpr unsigned kBinSlots = 16;
inline constexpr unsigned kThreadUnits = 96;  // 384 KiB in all

struct SpanCache {
  // By length, last in first out.
  Unit slots[kCachedUnits][kBinSlots];
  uint8_t count[kCachedUnits];
  // Frees that may be cached: one per allocation. A thread that only frees
  // keeps nothing.
  uint8_t credit[kCachedUnits];
  uint8_t units;
};
extern __thread SpanCache t_spans;

inline constexpr size_t kMaxCachedBytes = kCachedUnits * kUnitBytes;

HAK_INLINE size_t UnitsFor(size_t bytes) {
  return (bytes + kUnitBytes - 1) >> kUnitShift;
}

HAK_INLINE void* BlockAt(Unit unit, SpanTag tag) {
  return At<void>(UnitAddress(unit) + tag.color * platform::kCacheLine);
}

// Where in the first unit the block begins, in cache lines, `most_color` at the
// most. `bytes` must fit.
HAK_INLINE uint8_t ColorFor(Unit unit, size_t units, size_t bytes,
                            unsigned most_color) {
  const size_t most = ((units << kUnitShift) - bytes) / platform::kCacheLine;
  const size_t wanted = (unit ^ (unit >> 6)) & most_color;
  return static_cast<uint8_t>(wanted <= most ? wanted : wanted & (most / 2));
}

// Ends the process: a span in the cache does not say that it is there.
[[noreturn]] HAK_COLD void ReportDamagedCache(Unit unit);

// A block of 1..kMaxCachedBytes from the thread's cache; with most_color 0 it
// starts at a unit. nullptr: none there.
HAK_INLINE void* AllocateCached(size_t bytes, unsigned most_color) {
  const size_t units = UnitsFor(bytes);
  const size_t bin = units - 1;
  if (t_spans.credit[bin] < kBinSlots) ++t_spans.credit[bin];
  const unsigned count = t_spans.count[bin];
  if (count == 0) return nullptr;
  const Unit unit = t_spans.slots[bin][count - 1];
  t_spans.count[bin] = static_cast<uint8_t>(count - 1);
  t_spans.units = static_cast<uint8_t>(t_spans.units - units);
  SpanTag tag = ReadTag(unit);
  // Of two frees at the same instant one is found here.
  if (HAK_UNLIKELY(tag.state != SpanState::kCached)) ReportDamagedCache(unit);
  tag.state = SpanState::kUsed;
  tag.color = ColorFor(unit, units, bytes, most_color);
  WriteTag(unit, tag);
  return BlockAt(unit, tag);
}

// Frees a live block into the thread's cache. False: it is not such a block, or
// there is no room; nothing has changed.
HAK_INLINE bool FreeCached(void* pointer) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  const uintptr_t offset = address - superslab::WindowBase();
  if (offset >= superslab::kWindowBytes ||
      superslab::MapByte(offset >> superslab::kSlabShift) !=
          superslab::kLarge) {
    return false;
  }
  const Unit unit = static_cast<Unit>(offset >> kUnitShift);
  SpanTag tag = ReadTag(unit);
  const size_t bin = tag.units - size_t{1};
  if (tag.state != SpanState::kUsed || BlockAt(unit, tag) != pointer ||
      bin >= kCachedUnits || t_phase != ThreadPhase::kActive) {
    return false;
  }
  const unsigned count = t_spans.count[bin];
  const unsigned units = t_spans.units + tag.units;
  if (t_spans.credit[bin] == 0 || count == kBinSlots || units > kThreadUnits) {
    return false;
  }
  tag.state = SpanState::kCached;
  WriteTag(unit, tag);
  --t_spans.credit[bin];
  t_spans.slots[bin][count] = unit;
  t_spans.count[bin] = static_cast<uint8_t>(count + 1);
  t_spans.units = static_cast<uint8_t>(units);
  return true;
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_
