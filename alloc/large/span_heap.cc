// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: the free lists of spans, splitting and coalescing, and the purge.
// Locks: spans; never across a system call: a span that is being purged is
//        kBusy and in no list.
// Read next: alloc/large/large.h

#include "alloc/large/span_heap.h"

#include "alloc/base/lock.h"
#include "alloc/base/pointers.h"
#include "alloc/large/large.h"
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
  if (!superslab::EnsureWindow()) return false;
  if (superslab::WindowIsFixed()) return superslab::Fixed()->add_spans();
  const size_t count = (units + kUnitsPerSuper - 1) / kUnitsPerSuper;
  const size_t first = superslab::ClaimSupers(count);
  if (first == kNoSuper) return false;
  if (!PrepareMeta(first, count)) {
    (void)superslab::UnclaimSupers(first, count);
    return false;
  }
  // release: pairs with the acquire in superslab::Purge.
  superslab::g_purge_spans.store(PurgeSpansTo, std::memory_order_release);
  LockHolder hold(g_state.lock);
  MarkSlabs(first, count, superslab::kLarge);
  const uint32_t added = static_cast<uint32_t>(count * kUnitsPerSuper);
  (void)InsertLocked(static_cast<Unit>(first * kUnitsPerSuper), added,
                     SpanState::kClean);
  return true;
}

// A free stretch that one thread has taken out of the lists: a dirty span (of
// no unit, if it was taken for its clean ones) and the clean ones beside it. A
// page, or a SuperSlab, may lie across all three.
struct Busy {
  Unit first;
  Unit dirty;
  Unit dirty_end;
  Unit end;

  size_t DirtyBytes(Unit from, Unit to) const {
    const Unit low = from > dirty ? from : dirty;
    const Unit high = to < dirty_end ? to : dirty_end;
    return low < high ? size_t{high - low} << kUnitShift : 0;
  }
};

// Takes a free span out of the lists if it is clean. Returns its length.
uint32_t TakeCleanLocked(Unit head) {
  const SpanTag tag = ReadTag(head);
  if (tag.state != SpanState::kClean) return 0;
  RemoveLocked(head, tag);
  WriteTag(head, {SpanState::kInner, 0, 0});
  return tag.units;
}

// Takes the largest dirty span, of a longer one the last `most` units, and its
// clean neighbours; without dirty ones a clean span that holds a SuperSlab, if
// `clean_too`. False: none.
bool TakeLargest(bool clean_too, size_t most, Busy* busy) {
  LockHolder hold(g_state.lock);
  Unit unit = g_state.dirty.Largest();
  const bool dirty = unit != 0;
  if (!dirty && clean_too) unit = g_state.clean.Largest();
  if (unit == 0) return false;
  const SpanTag tag = ReadTag(unit);
  const Unit end = unit + tag.units;
  // Only whole SuperSlabs are worth taking.
  if (!dirty && tag.units < kUnitsPerSuper) return false;
  RemoveLocked(unit, tag);
  WriteTag(unit, {SpanState::kInner, 0, 0});
  if (dirty && tag.units > most) {
    const uint32_t kept = tag.units - static_cast<uint32_t>(most);
    (void)InsertLocked(unit, kept, SpanState::kDirty);
    unit += kept;
  }
  *busy = {unit, unit, dirty ? end : unit, end};
  if (dirty && IsSpanUnit(end)) busy->end += TakeCleanLocked(end);
  if (dirty && IsSpanUnit(unit - 1)) {
    const SpanTag last = ReadTag(unit - 1);
    const bool tail = last.state == SpanState::kTail;
    busy->first -= TakeCleanLocked(tail ? unit - last.units : unit - 1);
  }
  WriteTag(busy->first, {SpanState::kBusy, 0, busy->end - busy->first});
  return true;
}

// Puts [from, to) of a busy stretch back as what it was.
void PutBackLocked(const Busy& busy, Unit from, Unit to) {
  const struct {
    Unit first;
    Unit end;
    SpanState state;
  } parts[] = {{busy.first, busy.dirty, SpanState::kClean},
               {busy.dirty, busy.dirty_end, SpanState::kDirty},
               {busy.dirty_end, busy.end, SpanState::kClean}};
  for (const auto& part : parts) {
    const Unit low = part.first > from ? part.first : from;
    const Unit high = part.end < to ? part.end : to;
    if (low < high) (void)InsertLocked(low, high - low, part.state);
  }
}

void PutBack(const Busy& busy) {
  LockHolder hold(g_state.lock);
  PutBackLocked(busy, busy.first, busy.end);
}

void NoteGone(size_t bytes) {
  TakeFrom(g_budget.dirty, bytes);
  AddTo(g_budget.purged, bytes);
}

// Unmaps the SuperSlabs that lie wholly in a busy stretch and puts the rest
// back. False: there are none, or the kernel refuses; nothing has changed.
bool UnmapSupers(const Busy& busy) {
  const size_t first = (busy.first + kUnitsPerSuper - 1) / kUnitsPerSuper;
  const size_t end = busy.end / kUnitsPerSuper;
  if (end <= first) return false;
  const Unit from = static_cast<Unit>(first * kUnitsPerSuper);
  const Unit to = static_cast<Unit>(end * kUnitsPerSuper);
  MarkSlabs(first, end - first, superslab::kReleased);
  if (!superslab::UnclaimSupers(first, end - first)) {
    MarkSlabs(first, end - first, superslab::kLarge);
    return false;
  }
  {
    LockHolder hold(g_state.lock);
    PutBackLocked(busy, busy.first, from);
    PutBackLocked(busy, to, busy.end);
  }
  NoteGone(busy.DirtyBytes(from, to));
  return true;
}

// Gives the pages that hold dirty units, and nothing but free ones, back to the
// kernel and the stretch to the lists. False: there are none, or the kernel
// refuses; nothing has changed.
bool DecommitPages(const Busy& busy) {
  if (busy.dirty == busy.dirty_end) return false;
  const size_t page = platform::PageSize();
  const uintptr_t lowest = AlignUp(UnitAddress(busy.first), page);
  const uintptr_t highest = AlignDown(UnitAddress(busy.end), page);
  uintptr_t from = AlignDown(UnitAddress(busy.dirty), page);
  uintptr_t to = AlignUp(UnitAddress(busy.dirty_end), page);
  if (from < lowest) from = lowest;
  if (to > highest) to = highest;
  if (from >= to || !superslab::GiveBack(At<void>(from), to - from)) {
    return false;
  }
  const Unit first = UnitOf(from);
  const Unit end = UnitOf(to - 1) + 1;
  {
    LockHolder hold(g_state.lock);
    PutBackLocked(busy, busy.first, first);
    PutBackLocked(busy, end, busy.end);
    (void)InsertLocked(first, end - first, SpanState::kClean);
  }
  NoteGone(busy.DirtyBytes(first, end));
  return true;
}

void PurgeSpansTo(size_t keep, bool unmap_all) {
  // What cannot be given back is held until the end, so that the search for the
  // largest goes on with the others; a few of them, then it is not worth more.
  constexpr unsigned kMaxHeld = 64;
  constexpr size_t kMinPurge = 16;  // 64 KiB, the largest page
  Busy held[kMaxHeld];
  unsigned count = 0;
  // Memory is out, or all of it is wanted back: this thread's own spans first.
  if (unmap_all) FlushThread();
  if (superslab::WindowIsFixed()) return;
  const unsigned most = unmap_all ? kMaxHeld : 8;
  while (count < most) {
    const size_t dirty = superslab::Read(g_budget.dirty);
    if (!unmap_all && dirty <= keep) break;
    // No more than is too much, but not in crumbs.
    size_t units = unmap_all ? kMaxUnits : (dirty - keep) >> kUnitShift;
    if (units < kMinPurge) units = kMinPurge;
    if (!TakeLargest(unmap_all, units, &held[count])) break;
    const Busy& busy = held[count];
    if (UnmapSupers(busy) || DecommitPages(busy)) continue;
    ++count;
  }
  while (count > 0) PutBack(held[--count]);
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

void ReleaseSpan(Unit unit, SpanState state) {
  LockHolder hold(g_state.lock);
  const SpanTag tag = ReadTag(unit);
  --g_state.used_spans;
  g_state.used_units -= tag.units;
  TakeFrom(g_budget.live, size_t{tag.units} << kUnitShift);
  (void)InsertLocked(unit, tag.units, state);
  AccountFree(state, tag.units);
}

void AddSpan(Unit unit, uint32_t units) {
  LockHolder hold(g_state.lock);
  (void)InsertLocked(unit, units, SpanState::kDirty);
  AccountFree(SpanState::kDirty, units);
}

void ForgetSpan(Unit unit) {
  LockHolder hold(g_state.lock);
  const uint32_t units = ReadTag(unit).units;
  --g_state.used_spans;
  g_state.used_units -= units;
  TakeFrom(g_budget.live, size_t{units} << kUnitShift);
  WriteTag(unit, {SpanState::kInner, 0, 0});
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
