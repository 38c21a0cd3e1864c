// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: the thread's cache of short spans, and the way of a block of up to
//        64 KiB through it: what malloc and free take when they are not small.
// Locks: none.   Read next: alloc/large/large.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_
#define HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/pointers.h"
#include "alloc/large/span_tag.h"
#include "platform/cpu.h"

namespace hakmem::large {

inline constexpr unsigned kCachedUnits = 16;
inline constexpr unsigned kBinSlots = 30;
// Of a thread, 768 KiB in all; more where more is alive (MakeRoom in large.cc).
inline constexpr int kThreadUnits = 192;

// The free spans of one length that a thread has, last in first out.
struct SpanBin {
  uint32_t count;
  // Frees that may be cached: one per allocation. A thread that only frees
  // keeps nothing.
  uint32_t credit;
  Unit slots[kBinSlots];
};
static_assert(sizeof(SpanBin) == 128, "addressed by a shift");
struct SpanCache {
  // Units that it still takes, and may hold in all. 0 where nothing may stay
  // with the thread, and before its first slow free.
  int room;
  int limit;
  // How often it was full in these 8 ms, by a rough clock.
  uint32_t full;
  uint32_t full_at;
  SpanBin bins[kCachedUnits];  // of 1, 2, ... units
};
extern __thread SpanCache t_spans;

HAK_INLINE SpanBin& SpanBinOf(size_t units) { return t_spans.bins[units - 1]; }

inline constexpr size_t kMaxCachedBytes = kCachedUnits * kUnitBytes;

HAK_INLINE size_t UnitsFor(size_t bytes) {
  return (bytes + kUnitBytes - 1) >> kUnitShift;
}

HAK_INLINE void* BlockAt(Unit unit, SpanTag tag) {
  return At<void>(UnitAddress(unit) + tag.color * platform::kCacheLine);
}

// Where in the first unit the block begins, in cache lines, `most_color` at the
// most. `bytes` must fit, with less than a unit to spare.
HAK_INLINE uint8_t ColorFor(Unit unit, size_t units, size_t bytes,
                            unsigned most_color) {
  const size_t fit = ((units << kUnitShift) - bytes) / platform::kCacheLine + 1;
  return static_cast<uint8_t>(((unit ^ (unit >> 6)) & most_color) * fit /
                              (kMaxColor + 1));
}

// Ends the process: a span in the cache does not say that it is there.
[[noreturn]] HAK_COLD void ReportDamagedCache(Unit unit);

// A block of 1..kMaxCachedBytes from the thread's cache; with most_color 0 it
// starts at a unit. nullptr: none there.
HAK_INLINE void* AllocateCached(size_t bytes, unsigned most_color) {
  const size_t units = UnitsFor(bytes);
  SpanBin& bin = SpanBinOf(units);
  if (bin.credit < kBinSlots) ++bin.credit;
  const unsigned count = bin.count;
  if (count == 0) return nullptr;
  const Unit unit = bin.slots[count - 1];
  bin.count = count - 1;
  t_spans.room += static_cast<int>(units);
  std::atomic<uint32_t>& word = TagWord(unit);
  // relaxed, both: see ReadTag.
  SpanTag tag = SpanTag::Unpack(word.load(std::memory_order_relaxed));
  // Of two frees at the same instant one is found here.
  if (HAK_UNLIKELY(tag.state != SpanState::kCached)) ReportDamagedCache(unit);
  tag = {SpanState::kUsed, ColorFor(unit, units, bytes, most_color),
         static_cast<uint32_t>(units)};
  word.store(tag.Pack(), std::memory_order_relaxed);
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
  std::atomic<uint32_t>& word = TagWord(unit);
  // relaxed, both: see ReadTag.
  const uint32_t tag = word.load(std::memory_order_relaxed);
  const size_t start = offset % kUnitBytes;
  if (!SpanTag::SaysUsedAt(tag, start)) return false;
  const uint32_t units = SpanTag::UnitsIn(tag);
  if (units > kCachedUnits) return false;
  const int room = t_spans.room - static_cast<int>(units);
  SpanBin& bin = SpanBinOf(units);
  const uint32_t count = bin.count;
  // Opaque: else the two become a vector, which is dearer.
  const size_t credit = platform::Opaque(bin.credit);
  if (room < 0 || credit == 0 || count == kBinSlots) return false;
  word.store(SpanTag::UsedToCached(tag), std::memory_order_relaxed);
  t_spans.room = room;
  bin.credit = static_cast<uint32_t>(credit - 1);
  bin.slots[count] = unit;
  bin.count = count + 1;
  return true;
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_CACHE_H_
