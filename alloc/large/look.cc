// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: how a span is found from its middle. Huge blocks: huge.cc.
// Locks: none.   Read next: alloc/stats/block_info.cc

#include "alloc/large/look.h"

namespace hakmem::large {
namespace {

constexpr size_t kUnitsPerSlab = superslab::kSlabBytes / kUnitBytes;
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
  const size_t bytes = size_t{tag.units} << kUnitShift;
  return {first, tag.units, tag.state, UnitAddress(first) + skip,
          bytes > skip ? bytes - skip : 0};
}

bool IsHead(SpanState state) {
  return state != SpanState::kInner && state != SpanState::kTail;
}

}  // namespace

SpanLook LookAtSpan(uintptr_t address) {
  constexpr Unit kMostBack = (size_t{64} << 20) >> kUnitShift;
  const SpanLook none = {0, 0, SpanState::kInner, 0, 0};
  if (address - superslab::WindowBase() >= superslab::kWindowBytes) return none;
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

}  // namespace hakmem::large
