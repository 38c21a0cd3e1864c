// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: how a span is found from its middle, and a Huge block beside others.
// Locks: huge.   Read next: alloc/stats/block_info.cc

#include "alloc/large/look.h"

#include "alloc/base/variant.h"
#include "alloc/large/armour.h"
#include "alloc/large/huge.h"

namespace hakmem::large {
namespace {

constexpr Unit kEndUnit = superslab::kWindowSlabs * kUnitsPerSlab;

// The tag, also where the metadata is only about to be there.
SpanTag TagOrInner(Unit unit) {
  // acquire: as in MetaOf.
  SpanMeta* meta =
      static_cast<SpanMeta*>(superslab::Entry(unit / kUnitsPerSuper)
                                 .spans.load(std::memory_order_acquire));
  if (meta == nullptr) return {SpanState::kInner, 0, 0};
  return ReadTag(unit);
}

SpanLook LookOf(Unit first, SpanTag tag) {
  const bool block =
      tag.state == SpanState::kUsed || tag.state == SpanState::kCached;
  const size_t skip = block ? tag.color * platform::kCacheLine : 0;
  const size_t whole = size_t{tag.units} << kUnitShift;
  const uintptr_t start = UnitAddress(first) + skip;
  size_t bytes = whole > skip ? whole - skip : 0;
  if constexpr (kVariant.armour) {
    if (tag.state == SpanState::kUsed) {
      // Not to be trusted while the block is on its way out or in.
      const size_t asked = AskedBytes(At<void>(start), first, tag);
      if (asked < bytes) bytes = asked;
    }
  }
  return {first, tag.units, tag.state, start, bytes};
}

bool IsHead(SpanState state) {
  return state != SpanState::kInner && state != SpanState::kTail;
}

}  // namespace

SpanLook LookAtSpan(uintptr_t address) {
  constexpr Unit kMostBack = (size_t{64} << 20) >> kUnitShift;
  const SpanLook none = {0, 0, SpanState::kInner, 0, 0};
  if (superslab::SlabIndex(address) >= superslab::SlabLimit()) return none;
  const Unit unit = UnitOf(address);
  SpanLook busy = none;
  for (Unit back = 0; back <= kMostBack && back <= unit; ++back) {
    const Unit head = unit - back;
    if (!IsSpanUnit(head)) break;
    const SpanTag tag = TagOrInner(head);
    if (!IsHead(tag.state)) continue;
    const bool covers = tag.units > back;
    // A stretch that was unmapped leaves its kBusy behind; when there is span
    // around it again, that one counts.
    if (tag.state == SpanState::kBusy) {
      if (covers && busy.units == 0) busy = LookOf(head, tag);
      continue;
    }
    return covers ? LookOf(head, tag) : busy;
  }
  if (busy.units != 0) return busy;
  if (!IsSpanUnit(unit)) return none;
  return {unit, 1, SpanState::kInner, UnitAddress(unit), kUnitBytes};
}

SpanLook NextSpan(Unit from) {
  // relaxed: a bound for walks; what lies above it is new.
  const size_t supers =
      superslab::g_window.high_water.load(std::memory_order_relaxed);
  Unit end = static_cast<Unit>(supers * kUnitsPerSuper);
  if (end > kEndUnit) end = kEndUnit;
  for (Unit unit = from; unit < end;) {
    if (!IsSpanUnit(unit)) {
      unit = static_cast<Unit>((unit / kUnitsPerSlab + 1) * kUnitsPerSlab);
      continue;
    }
    const SpanTag tag = TagOrInner(unit);
    if (IsHead(tag.state) && tag.units != 0) return LookOf(unit, tag);
    ++unit;
  }
  return {0, 0, SpanState::kInner, 0, 0};
}

namespace {

// Of the blocks that `fits` lets through the one that `better` prefers.
template <class Fits, class Better>
HugeLook Choose(Patience patience, Fits fits, Better better) {
  HugeLook best = {0, 0, false};
  const HugeTable table = TableOfHuge();
  // relaxed peek: as in FindHuge.
  if (table.live.load(std::memory_order_relaxed) == 0) return best;
  // Without the lock the table may be unmapped under us.
  if (!AcquireWith(table.lock, patience)) return {0, 0, true};
  for (size_t i = 0; i < table.capacity; ++i) {
    const HugeEntry& entry = table.slots[i];
    if (entry.address <= HugeEntry::kGone || !fits(entry.address)) continue;
    if (best.block == 0 || better(entry.address, best.block)) {
      best = {entry.address, entry.size(), false};
    }
  }
  table.lock.Release();
  return best;
}

}  // namespace

HugeLook LookAtHuge(uintptr_t address, Patience patience) {
  return Choose(
      patience, [address](uintptr_t start) { return start <= address; },
      [](uintptr_t a, uintptr_t b) { return a > b; });
}

HugeLook NextHuge(uintptr_t after, Patience patience) {
  return Choose(
      patience, [after](uintptr_t start) { return start > after; },
      [](uintptr_t a, uintptr_t b) { return a < b; });
}

}  // namespace hakmem::large
