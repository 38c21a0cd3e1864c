// Box:   large.   Uses: superslab.   Must not know: tiny, wrap.
// Holds: what is known of a span, out of line: one tag per 4 KiB of address.
// Locks: by state, see below.   Read next: alloc/large/span_heap.h

#ifndef HAKMEM_ALLOC_LARGE_SPAN_TAG_H_
#define HAKMEM_ALLOC_LARGE_SPAN_TAG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/superslab/window.h"

namespace hakmem::large {

// The granule of spans. Not a page size: on a kernel with 64 KiB pages a span
// of 12 KiB shares its page, and a purge gives back whole pages only.
inline constexpr unsigned kUnitShift = 12;
inline constexpr size_t kUnitBytes = size_t{1} << kUnitShift;
inline constexpr unsigned kUnitsPerSlab = superslab::kSlabBytes / kUnitBytes;
inline constexpr unsigned kUnitsPerSuper = superslab::kSuperBytes / kUnitBytes;

enum class SpanState : uint8_t {
  kInner = 0,  // not the first unit of anything
  kUsed,       // a live block; changed by a CAS of whoever frees it
  kCached,     // free, in the cache of one thread, which alone changes it
  kDirty,      // free; from here on by the lock of the span heap
  kClean,      // free, and all of it reads as zero
  kBusy,       // one thread's: on its way to kClean, or a unit before a guard
  kTail,       // last unit of a free span of two units or more
};

// {state 3, colour 6, length 23}, of the first unit; a tail repeats the length.
// A block starts `colour` cache lines into its span: blocks of whole pages
// would otherwise all begin in the same cache set.
struct SpanTag {
  SpanState state;
  uint8_t color;
  uint32_t units;

  HAK_INLINE static constexpr SpanTag Unpack(uint32_t tag) {
    return {static_cast<SpanState>(tag & 7),
            static_cast<uint8_t>((tag >> 3) & 63), tag >> 9};
  }
  HAK_INLINE constexpr uint32_t Pack() const {
    return static_cast<uint32_t>(state) | (uint32_t{color} << 3) | (units << 9);
  }
  // Of a packed tag: is it that of a live block which begins `start` bytes into
  // its first unit?
  HAK_INLINE static constexpr bool SaysUsedAt(uint32_t tag, size_t start) {
    return (tag & 511) == (static_cast<uint32_t>(SpanState::kUsed) |
                           (start / platform::kCacheLine) << 3) &&
           start % platform::kCacheLine == 0;
  }
  HAK_INLINE static constexpr uint32_t UnitsIn(uint32_t tag) {
    return tag >> 9;
  }
  HAK_INLINE static constexpr uint32_t UsedToCached(uint32_t tag) {
    return tag + (static_cast<uint32_t>(SpanState::kCached) -
                  static_cast<uint32_t>(SpanState::kUsed));
  }
  constexpr bool free() const {
    return state == SpanState::kDirty || state == SpanState::kClean;
  }
};
inline constexpr unsigned kLengthBits = 23;
inline constexpr size_t kMaxUnits = (size_t{1} << kLengthBits) - 1;
inline constexpr unsigned kMaxColor = 63;

// Per SuperSlab that holds spans. `next` and `prev` link free spans of a size,
// by the number of their first unit; 0: none. `dirty`: of a free unit, that it
// does not read as zero.
struct SpanMeta {
  std::atomic<uint32_t> tags[kUnitsPerSuper];
  uint32_t next[kUnitsPerSuper];
  uint32_t prev[kUnitsPerSuper];
  uint64_t dirty[kUnitsPerSuper / 64];
};

// Units are numbered through the window. Number 0 is never a span.
using Unit = uint32_t;

inline Unit UnitOf(uintptr_t address) {
  return static_cast<Unit>((address - superslab::WindowBase()) >> kUnitShift);
}
inline uintptr_t UnitAddress(Unit unit) {
  return superslab::WindowBase() + (size_t{unit} << kUnitShift);
}
// Of a unit whose slab map byte says kLarge.
HAK_INLINE SpanMeta& MetaOf(Unit unit) {
  // acquire: pairs with the release that published it (span_source.cc, and
  // pool.cc of the box above).
  return *static_cast<SpanMeta*>(superslab::Entry(unit / kUnitsPerSuper)
                                     .spans.load(std::memory_order_acquire));
}
HAK_INLINE std::atomic<uint32_t>& TagWord(Unit unit) {
  return MetaOf(unit).tags[unit % kUnitsPerSuper];
}
// relaxed, both: a used span's tag changes by CAS only, a free one's under the
// lock; contents are passed on by whoever passes the block on.
HAK_INLINE SpanTag ReadTag(Unit unit) {
  return SpanTag::Unpack(TagWord(unit).load(std::memory_order_relaxed));
}
HAK_INLINE void WriteTag(Unit unit, SpanTag tag) {
  TagWord(unit).store(tag.Pack(), std::memory_order_relaxed);
}
inline bool IsSpanUnit(Unit unit) {
  const size_t slab = unit / (superslab::kSlabBytes / kUnitBytes);
  return slab < superslab::kWindowSlabs &&
         superslab::MapByte(slab) == superslab::kLarge;
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_TAG_H_
