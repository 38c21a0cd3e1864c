// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: the free lists of spans, splitting and coalescing, and the purge.
// Locks: spans; never across a system call: a span that is being purged is
//        kBusy and in no list.
// Read next: alloc/large/large.h

#include "alloc/large/span_heap.h"

#include "alloc/base/lock.h"
#include "alloc/base/pointers.h"
#include "alloc/large/span_bins.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "platform/page_source.h"

namespace hakmem::large {
namespace {

using superslab::AddTo;
using superslab::g_budget;
using superslab::kNoSuper;
using superslab::kSlabsPerSuper;
using superslab::TakeFrom;

struct State {
  Lock lock{"spans"};
  SpanBins dirty;
  SpanBins clean;
  size_t used_spans = 0;
  size_t used_units = 0;
  size_t free_units = 0;
};
HAK_CONSTINIT State g_state;

SpanBins& BinsOf(SpanState state) {
  return state == SpanState::kDirty ? g_state.dirty : g_state.clean;
}

void RemoveLocked(Unit unit, SpanTag tag) {
  BinsOf(tag.state).Remove(unit, tag.units);
  g_state.free_units -= tag.units;
  if (tag.units > 1) WriteTag(unit + tag.units - 1, {SpanState::kInner, 0, 0});
}

// Puts [unit, unit + units) into the lists, joined with neighbours in the same
// state. Returns the first unit of what that became.
Unit InsertLocked(Unit unit, uint32_t units, SpanState state) {
  if (IsSpanUnit(unit + units)) {
    const SpanTag after = ReadTag(unit + units);
    if (after.state == state) {
      RemoveLocked(unit + units, after);
      WriteTag(unit + units, {SpanState::kInner, 0, 0});
      units += after.units;
    }
  }
  if (IsSpanUnit(unit - 1)) {
    const SpanTag before = ReadTag(unit - 1);
    const Unit head =
        before.state == SpanState::kTail ? unit - before.units : unit - 1;
    const SpanTag tag = ReadTag(head);
    if (tag.state == state && head + tag.units == unit) {
      RemoveLocked(head, tag);
      WriteTag(unit, {SpanState::kInner, 0, 0});
      units += tag.units;
      unit = head;
    }
  }
  WriteTag(unit, {state, 0, units});
  if (units > 1) WriteTag(unit + units - 1, {SpanState::kTail, 0, units});
  BinsOf(state).Insert(unit, units);
  g_state.free_units += units;
  return unit;
}

void AccountFree(SpanState state, size_t units) {
  if (state == SpanState::kDirty) AddTo(g_budget.dirty, units << kUnitShift);
}
void AccountTaken(SpanState state, size_t units) {
  if (state == SpanState::kDirty) {
    TakeFrom(g_budget.dirty, units << kUnitShift);
  } else {
    superslab::NoteCleanTaken(units << kUnitShift);
  }
}

// Cuts [first, first + units) out of a free span, which goes back in parts.
SpanResult CarveLocked(Unit span, Unit first, uint32_t units) {
  const SpanTag tag = ReadTag(span);
  RemoveLocked(span, tag);
  const Unit end = span + tag.units;
  const Unit rest = first + units;
  WriteTag(first, {SpanState::kUsed, 0, units});
  if (first > span) (void)InsertLocked(span, first - span, tag.state);
  if (end > rest) (void)InsertLocked(rest, end - rest, tag.state);
  AccountTaken(tag.state, units);
  AddTo(g_budget.live, size_t{units} << kUnitShift);
  ++g_state.used_spans;
  g_state.used_units += units;
  return {first, tag.state == SpanState::kClean};
}

Unit AlignUnit(Unit unit, size_t align_units) {
  const uintptr_t address =
      AlignUp(UnitAddress(unit), align_units << kUnitShift);
  return UnitOf(address);
}

SpanResult TakeLocked(size_t units, size_t align_units) {
  const size_t search = units + align_units - 1;
  // Dirty ones first: their pages are there already.
  Unit span = g_state.dirty.Find(search);
  if (span == 0) span = g_state.clean.Find(search);
  if (span == 0) return {0, false};
  return CarveLocked(span, AlignUnit(span, align_units),
                     static_cast<uint32_t>(units));
}

// Metadata for the SuperSlabs of a new region. False: no memory.
bool PrepareMeta(size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i) {
    std::atomic<void*>& entry = superslab::Entry(i).spans;
    // relaxed: nobody else prepares a SuperSlab that we have claimed.
    if (entry.load(std::memory_order_relaxed) != nullptr) continue;
    void* meta = superslab::AllocateMetadata(sizeof(SpanMeta));
    if (meta == nullptr) return false;
    // release: pairs with the acquire in MetaOf.
    entry.store(meta, std::memory_order_release);
  }
  return true;
}

void MarkSlabs(size_t first_super, size_t count, int8_t kind) {
  for (size_t i = 0; i < count * kSlabsPerSuper; ++i) {
    superslab::SetMapByte(first_super * kSlabsPerSuper + i, kind);
  }
}

void PurgeSpansTo(size_t keep, bool unmap_all);

// Maps SuperSlabs for a span of `units`. False: no memory.
bool Grow(size_t units) {
  const size_t count = (units + kUnitsPerSuper - 1) / kUnitsPerSuper;
  const size_t first = superslab::ClaimSupers(count);
  if (first == kNoSuper) return false;
  if (!PrepareMeta(first, count)) {
    (void)superslab::UnclaimSupers(first, count);
    return false;
  }
  // release: pairs with the acquire in superslab::Purge.
  superslab::g_purge_spans.store(PurgeSpansTo, std::memory_order_release);
  const bool fixed = superslab::WindowIsFixed();  // a buffer may hold anything
  LockHolder hold(g_state.lock);
  MarkSlabs(first, count, superslab::kLarge);
  const SpanState state = fixed ? SpanState::kDirty : SpanState::kClean;
  const uint32_t added = static_cast<uint32_t>(count * kUnitsPerSuper);
  (void)InsertLocked(static_cast<Unit>(first * kUnitsPerSuper), added, state);
  AccountFree(state, added);
  return true;
}

// Takes the largest dirty span out; a clean one if `clean_too`. 0: none.
Unit TakeLargest(bool clean_too, SpanTag* taken) {
  LockHolder hold(g_state.lock);
  Unit unit = g_state.dirty.Largest();
  if (unit == 0 && clean_too) {
    unit = g_state.clean.Largest();
    // Only whole SuperSlabs are worth taking.
    if (unit != 0 && ReadTag(unit).units < kUnitsPerSuper) unit = 0;
  }
  if (unit == 0) return 0;
  *taken = ReadTag(unit);
  RemoveLocked(unit, *taken);
  WriteTag(unit, {SpanState::kBusy, 0, taken->units});
  return unit;
}

// A stretch of units.
struct Range {
  Unit first;
  Unit end;
  size_t bytes() const { return size_t{end - first} << kUnitShift; }
};

// Puts what is left of a busy span on both sides of `middle` back.
void PutBackEdges(Range span, Range middle, SpanState state) {
  LockHolder hold(g_state.lock);
  if (middle.first > span.first) {
    (void)InsertLocked(span.first, middle.first - span.first, state);
  }
  if (span.end > middle.end) {
    (void)InsertLocked(middle.end, span.end - middle.end, state);
  }
}

// Unmaps the SuperSlabs that lie wholly in a busy span and puts the rest back.
// False: there are none, or the kernel refuses; nothing has changed.
bool UnmapSupers(Range span, SpanState state) {
  const size_t first = (span.first + kUnitsPerSuper - 1) / kUnitsPerSuper;
  const size_t end = span.end / kUnitsPerSuper;
  if (end <= first) return false;
  const Range middle = {static_cast<Unit>(first * kUnitsPerSuper),
                        static_cast<Unit>(end * kUnitsPerSuper)};
  MarkSlabs(first, end - first, superslab::kReleased);
  if (!superslab::UnclaimSupers(first, end - first)) {
    MarkSlabs(first, end - first, superslab::kLarge);
    return false;
  }
  PutBackEdges(span, middle, state);
  if (state == SpanState::kDirty) {
    TakeFrom(g_budget.dirty, middle.bytes());
    AddTo(g_budget.purged, middle.bytes());
  }
  return true;
}

// Gives the whole pages of a busy dirty span back and the span to the lists.
// False: the kernel refuses, or there are none.
bool DecommitPages(Range span) {
  const size_t page = platform::PageSize();
  const uintptr_t from = AlignUp(UnitAddress(span.first), page);
  const uintptr_t to = AlignDown(UnitAddress(span.end), page);
  if (from >= to || !platform::Decommit(At<void>(from), to - from)) {
    LockHolder hold(g_state.lock);
    (void)InsertLocked(span.first, span.end - span.first, SpanState::kDirty);
    return false;
  }
  const Range middle = {UnitOf(from), UnitOf(to - 1) + 1};
  PutBackEdges(span, middle, SpanState::kDirty);
  {
    LockHolder hold(g_state.lock);
    (void)InsertLocked(middle.first, middle.end - middle.first,
                       SpanState::kClean);
  }
  TakeFrom(g_budget.dirty, middle.bytes());
  AddTo(g_budget.purged, middle.bytes());
  return true;
}

void PurgeSpansTo(size_t keep, bool unmap_all) {
  if (superslab::WindowIsFixed()) return;
  while (unmap_all || superslab::Read(g_budget.dirty) > keep) {
    SpanTag tag;
    const Unit unit = TakeLargest(unmap_all, &tag);
    if (unit == 0) return;
    const Range span = {unit, unit + tag.units};
    if (UnmapSupers(span, tag.state)) continue;
    if (tag.state == SpanState::kDirty) {
      if (DecommitPages(span)) continue;
    } else {
      LockHolder hold(g_state.lock);
      (void)InsertLocked(span.first, tag.units, SpanState::kClean);
    }
    return;
  }
}

}  // namespace

SpanResult AcquireSpan(size_t units, size_t align_units) {
  if (units == 0 || units + align_units > kMaxUnits) return {0, false};
  for (;;) {
    {
      LockHolder hold(g_state.lock);
      const SpanResult result = TakeLocked(units, align_units);
      if (result.unit != 0) return result;
    }
    if (!Grow(units + align_units - 1)) return {0, false};
  }
}

void ReleaseSpan(Unit unit) {
  LockHolder hold(g_state.lock);
  const SpanTag tag = ReadTag(unit);
  --g_state.used_spans;
  g_state.used_units -= tag.units;
  TakeFrom(g_budget.live, size_t{tag.units} << kUnitShift);
  (void)InsertLocked(unit, tag.units, SpanState::kDirty);
  AccountFree(SpanState::kDirty, tag.units);
}

bool ResizeSpan(Unit unit, size_t new_units) {
  if (new_units > kMaxUnits) return false;
  const uint32_t wanted = static_cast<uint32_t>(new_units);
  LockHolder hold(g_state.lock);
  SpanTag tag = ReadTag(unit);
  const uint32_t units = tag.units;
  tag.units = wanted;
  if (wanted < units) {
    const uint32_t less = units - wanted;
    (void)InsertLocked(unit + wanted, less, SpanState::kDirty);
    AccountFree(SpanState::kDirty, less);
    TakeFrom(g_budget.live, size_t{less} << kUnitShift);
    g_state.used_units -= less;
  } else if (wanted > units) {
    const Unit after = unit + units;
    if (!IsSpanUnit(after)) return false;
    const SpanTag next = ReadTag(after);
    const uint32_t more = wanted - units;
    if (!next.free() || next.units < more) return false;
    (void)CarveLocked(after, after, more);
    WriteTag(after, {SpanState::kInner, 0, 0});
    --g_state.used_spans;
  }
  WriteTag(unit, tag);
  return true;
}

SpanCounts ReadSpanCounts() {
  LockHolder hold(g_state.lock);
  return {g_state.used_spans, g_state.used_units, g_state.free_units};
}

void LockSpansForFork() { g_state.lock.Acquire(); }

void UnlockSpansAfterFork(bool child) {
  if (child) {
    g_state.lock.ReleaseInChild();
  } else {
    g_state.lock.Release();
  }
}

}  // namespace hakmem::large
