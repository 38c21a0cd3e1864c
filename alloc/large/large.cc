// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: which of span and Huge, what does not fit the thread's cache, and the
//        verdict on pointers.
// Locks: none here.   Read next: alloc/large/span_heap.cc

#include "alloc/large/large.h"

#include "alloc/base/pointers.h"
#include "alloc/base/thread_phase.h"
#include "alloc/base/variant.h"
#include "alloc/large/armour.h"
#include "alloc/large/huge.h"
#include "alloc/large/lone.h"
#include "alloc/large/span_cache.h"
#include "alloc/large/span_heap.h"
#include "alloc/superslab/budget.h"
#include "hakmem.h"
#include "platform/die.h"
#include "platform/page_source.h"

namespace hakmem::large {

__thread SpanCache t_spans;
HAK_CONSTINIT std::atomic<uint64_t> g_lone_spent{0};

namespace {

// No tag can say more than twice that.
constexpr unsigned kMostSpanShift = 34;

// In a pool, or where memory is kept for good, there are no such mappings.
bool FitsSpan(size_t bytes, size_t alignment) {
  if (bytes <= kMaxSpanBytes && alignment <= kMaxSpanBytes) return true;
  if ((bytes | alignment) >> kMostSpanShift != 0) return false;
  return superslab::EnsureWindow() &&
         superslab::Read(superslab::g_min_dirty) == superslab::kKeepAll;
}

void FlushSlots(size_t units, unsigned keep) {
  SpanBin& bin = SpanBinOf(units);
  while (bin.count > keep) {
    t_spans.room += static_cast<int>(units);
    ReleaseSpan(bin.slots[--bin.count]);
  }
}

// What all threads' caches may hold, in bytes. relaxed: a bound on volume.
HAK_CONSTINIT std::atomic<size_t> g_cache_limit{0};

size_t BytesOf(int units) { return static_cast<size_t>(units) << kUnitShift; }

// Is the thread's cache so often full that it costs a hundredth of the time?
bool IsOftenFull() {
  constexpr uint32_t kOften = 256;
  const uint32_t now = static_cast<uint32_t>(platform::Now() >> 23);
  if (t_spans.full_at != now) t_spans.full = 0;
  t_spans.full_at = now;
  return ++t_spans.full > kOften;
}

// The cache is full: may it hold more? Where many blocks of many lengths are
// alive a short one mostly has the wrong ones. All together may hold a sixth of
// what is alive, and each kThreadUnits; one that holds more is emptied when it
// has become a third.
bool MakeRoom() {
  int more = kThreadUnits;
  if (t_spans.limit != 0) {
    more = 64;
    const size_t all = superslab::Read(g_cache_limit);
    const size_t live = superslab::Read(superslab::g_budget.live);
    if (all * 6 > live) {
      if (t_spans.limit > kThreadUnits && all * 3 > live) FlushThread();
      return false;
    }
    if (!IsOftenFull()) return false;
  }
  superslab::AddTo(g_cache_limit, BytesOf(more));
  t_spans.limit += more;
  t_spans.room += more;
  return true;
}

bool PutCached(Unit unit, size_t units) {
  if (units > kCachedUnits || !MayCache()) return false;
  SpanBin& bin = SpanBinOf(units);
  if (bin.credit == 0) {
    FlushSlots(units, 0);
    return false;
  }
  if (bin.count == kBinSlots) FlushSlots(units, kBinSlots / 2);
  if (t_spans.room < static_cast<int>(units) && !MakeRoom()) return false;
  t_spans.room -= static_cast<int>(units);
  --bin.credit;
  bin.slots[bin.count++] = unit;
  return true;
}

// The first unit of the span around this one. Only before an abort: it walks.
Unit HeadOf(Unit unit) {
  while (IsSpanUnit(unit - 1)) {
    const SpanState state = ReadTag(unit).state;
    if (state != SpanState::kInner && state != SpanState::kTail) break;
    --unit;
  }
  return unit;
}

[[noreturn]] void Report(void* pointer, Unit unit, const char* what) {
  const Unit head = HeadOf(unit);
  const SpanTag tag = ReadTag(head);
  if (tag.state != SpanState::kUsed) ReportFreed(pointer, what, "Large");
  platform::Line line;
  line.Misuse(what, pointer, false).Text("inside block ");
  line.Pointer(BlockAt(head, tag))
      .Text(", Large, ")
      .Number(size_t{tag.units} << kUnitShift);
  line.Text(" bytes)");
  platform::Die(line);
}

void* ArmouredOnce(size_t bytes, size_t alignment) {
  if (FitsSpan(bytes, alignment)) {
    if (void* block = AllocateArmoured(bytes, alignment)) return block;
  }
  return AllocateHuge(bytes, alignment);
}

Block Armoured(size_t bytes, size_t alignment) {
  void* block = ArmouredOnce(bytes, alignment);
  // relaxed: a hint. More than all that is mapped cannot be gained from it, and
  // a size that somebody made up must not empty the quarantine.
  if (block == nullptr &&
      bytes >> superslab::kSuperShift <=
          superslab::g_window.mapped.load(std::memory_order_relaxed)) {
    // Before there is no memory: whatever is free elsewhere.
    // What is unmapped lets the kernel give access back to more of it.
    superslab::Purge(0, 0);
    size_t detained;
    do {
      detained = CountQuarantine().spans;
      FlushThread();
      superslab::Purge(0, 0);
    } while (CountQuarantine().spans < detained);
    block = ArmouredOnce(bytes, alignment);
  }
  return {block, true};
}

Block AllocateOnce(size_t bytes, size_t alignment) {
  const size_t units = UnitsFor(bytes);
  const size_t align_units =
      alignment > kUnitBytes ? alignment >> kUnitShift : 1;
  SpanResult span{};
  if (FitsSpan(bytes, alignment)) span = AcquireSpan(units, align_units);
  if (span.unit == 0) return {AllocateHuge(bytes, alignment), true};
  SpanTag tag{SpanState::kUsed, 0, static_cast<uint32_t>(units)};
  if (alignment <= platform::kCacheLine) {
    tag.color = ColorFor(span.unit, units, bytes, kMaxColor);
  }
  WriteTag(span.unit, tag);
  // What was given back lazily is not known to be zero.
  const bool zeroed = span.zeroed && hak_config.lazy_free == 0;
  return {BlockAt(span.unit, tag), zeroed};
}

}  // namespace

Block Allocate(size_t bytes, size_t alignment) {
  if constexpr (kVariant.armour) return Armoured(bytes, alignment);
  if (bytes == 0) bytes = 1;
  if constexpr (kVariant.lone_blocks) {
    if (bytes >= kLoneFrom && bytes < kLoneTo && alignment <= kLoneUnit) {
      if (void* lone = AllocateLone(bytes)) return {lone, true};
    }
  }
  for (bool again = false;; again = true) {
    const Block block = AllocateOnce(bytes, alignment);
    if (block.pointer != nullptr || again) return block;
    // Before there is no memory: whatever is free elsewhere.
    FlushThread();
    superslab::Purge(0, 0);
  }
}

void* AllocateLone(size_t bytes) {
  return MayBeLone(bytes) ? AllocateHuge(bytes, kLoneUnit, true) : nullptr;
}

void ReportFreed(const void* pointer, const char* what, const char* kind) {
  platform::Line line;
  platform::Die(line.Misuse(what, pointer, true).Text(kind).Text(")"));
}

void ReportDamagedCache(Unit unit) {
  Report(At<void>(UnitAddress(unit)), unit, "free");
}

Ownership Find(void* pointer, const char* what) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  if (superslab::KindOf(address) == superslab::kLarge) {
    const Unit unit = UnitOf(address);
    const SpanTag tag = ReadTag(unit);
    if (HAK_LIKELY(tag.state == SpanState::kUsed &&
                   BlockAt(unit, tag) == pointer)) {
      return Ownership::kSpan;
    }
    Report(pointer, unit, what);
  }
  const size_t bytes = FindHuge(pointer);
  if (HAK_UNLIKELY(bytes == address)) ReportFreed(pointer, what, "Huge");
  return bytes != kNoHuge ? Ownership::kHuge : Ownership::kForeign;
}

size_t UsableSize(void* pointer, Ownership kind) {
  if (kind == Ownership::kHuge) return FindHuge(pointer);
  const Unit unit = UnitOf(AddressOf(static_cast<char*>(pointer)));
  const SpanTag tag = ReadTag(unit);
  if constexpr (kVariant.armour) return AskedBytes(pointer, unit, tag);
  return (size_t{tag.units} << kUnitShift) - tag.color * platform::kCacheLine;
}

void Free(void* pointer, Ownership kind) {
  if (kind == Ownership::kHuge) {
    if (FreeHuge(pointer)) return superslab::PurgeIfOverBudget();
    ReportFreed(pointer, "free", "Huge");
  }
  const Unit unit = UnitOf(AddressOf(static_cast<char*>(pointer)));
  std::atomic<uint32_t>& word = TagWord(unit);
  // relaxed: the CAS checks.
  uint32_t old = word.load(std::memory_order_relaxed);
  SpanTag tag = SpanTag::Unpack(old);
  const bool live = tag.state == SpanState::kUsed;
  tag.state = SpanState::kCached;
  // relaxed: of two frees at once one fails here; the block's contents are
  // dead, and what follows is ordered by this thread or by the spans' lock.
  if (!live || !word.compare_exchange_strong(old, tag.Pack(),
                                             std::memory_order_relaxed)) {
    Report(pointer, unit, "free");
  }
  if constexpr (kVariant.armour) {
    FreeArmoured(pointer, unit, tag);
    return superslab::PurgeIfOverBudget();
  }
  if (PutCached(unit, tag.units)) return;
  ReleaseSpan(unit);
  superslab::PurgeIfOverBudget();
}

bool Resize(void* pointer, Ownership kind, size_t bytes) {
  if (kind == Ownership::kHuge) {
    if constexpr (kVariant.lone_blocks) {
      // One that grows goes where growth is cheap.
      const size_t old = FindHuge(pointer);
      if (old < kLoneTo) return bytes <= old && bytes >= old / 2;
    }
    return bytes > kMaxSpanBytes && ResizeHuge(pointer, bytes);
  }
  const Unit unit = UnitOf(AddressOf(static_cast<char*>(pointer)));
  const SpanTag tag = ReadTag(unit);
  if constexpr (kVariant.armour) {
    return ResizeArmoured(pointer, unit, tag, bytes);
  }
  const size_t units = UnitsFor(bytes + tag.color * platform::kCacheLine);
  if (!FitsSpan(bytes, 1)) return false;
  if (units == tag.units) return true;
  if (!ResizeSpan(unit, units)) return false;
  superslab::PurgeIfOverBudget();
  return true;
}

void FlushThread() {
  if constexpr (kVariant.armour) return EmptyQuarantine();
  for (size_t units = 1; units <= kCachedUnits; ++units) {
    FlushSlots(units, 0);
    SpanBinOf(units).credit = 0;
  }
  superslab::TakeFrom(g_cache_limit, BytesOf(t_spans.limit));
  t_spans.room = 0;
  t_spans.limit = 0;
}

Counts ReadCounts() {
  const SpanCounts spans = ReadSpanCounts();
  const HugeCounts huge = ReadHugeCounts();
  if constexpr (kVariant.armour) {
    // Read a moment later: it may have become more than there was.
    const Detained detained = CountQuarantine();
    // Gauges of two moments may contradict each other.
    const size_t units = spans.used_units > detained.front_units
                             ? spans.used_units - detained.front_units
                             : 0;
    const size_t bytes = units << kUnitShift;
    return {spans.used_spans > detained.spans
                ? spans.used_spans - detained.spans
                : 0,
            bytes,
            spans.free_units << kUnitShift,
            detained.bytes < bytes ? detained.bytes : bytes,
            0,
            huge.blocks,
            huge.bytes};
  }
  // Opaque: else the loop may begin in front of it, where on aarch64 no address
  // can be formed.
  const SpanCache* const cache =
      At<SpanCache>(platform::Opaque(reinterpret_cast<uintptr_t>(&t_spans)));
  size_t here = 0;
  for (const SpanBin& bin : cache->bins) here += bin.count;
  return {spans.used_spans,
          spans.used_units << kUnitShift,
          spans.free_units << kUnitShift,
          BytesOf(t_spans.limit - t_spans.room),
          here,
          huge.blocks,
          huge.bytes};
}

void LockForFork() {
  LockSpansForFork();
  LockHugeForFork();
}

void UnlockAfterFork(bool child) {
  // The caches of the other threads are lost.
  if (child) {
    g_cache_limit.store(BytesOf(t_spans.limit), std::memory_order_relaxed);
  }
  UnlockHugeAfterFork(child);
  UnlockSpansAfterFork(child);
}

}  // namespace hakmem::large
