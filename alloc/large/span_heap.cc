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
#include "alloc/large/span_dirt.h"
#include "alloc/large/span_source.h"
#include "alloc/superslab/budget.h"
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

// No more than kMaxUnits, in one instruction less.
bool FitsTag(uint32_t units) { return units >> kLengthBits == 0; }

// Puts [unit, unit + units), whose dirt is known, into the lists, joined with
// its free neighbours as far as a tag can tell the length.
void InsertLocked(Unit unit, uint32_t units) {
  bool dirty = CountDirt(unit, units) != 0;
  if (IsSpanUnit(unit + units)) {
    const SpanTag after = ReadTag(unit + units);
    if (after.free() && FitsTag(units + after.units)) {
      RemoveLocked(unit + units, after);
      WriteTag(unit + units, {SpanState::kInner, 0, 0});
      units += after.units;
      dirty |= after.state == SpanState::kDirty;
    }
  }
  if (IsSpanUnit(unit - 1)) {
    const SpanTag before = ReadTag(unit - 1);
    const Unit head =
        before.state == SpanState::kTail ? unit - before.units : unit - 1;
    const SpanTag tag = ReadTag(head);
    if (tag.free() && head + tag.units == unit && FitsTag(units + tag.units)) {
      RemoveLocked(head, tag);
      WriteTag(unit, {SpanState::kInner, 0, 0});
      units += tag.units;
      unit = head;
      dirty |= tag.state == SpanState::kDirty;
    }
  }
  const SpanState state = dirty ? SpanState::kDirty : SpanState::kClean;
  WriteTag(unit, {state, 0, units});
  if (units > 1) WriteTag(unit + units - 1, {SpanState::kTail, 0, units});
  BinsOf(state).Insert(unit, units);
  g_state.free_units += units;
}

// Frees a stretch that was in use.
void FreeLocked(Unit unit, uint32_t units, SpanState state) {
  const bool dirty = state == SpanState::kDirty;
  SetDirt(unit, units, dirty);
  if (dirty) AddTo(g_budget.dirty, size_t{units} << kUnitShift);
  InsertLocked(unit, units);
}

// Cuts [first, first + units) out of a free span, which goes back in parts.
SpanResult CarveLocked(Unit span, Unit first, uint32_t units) {
  const SpanTag tag = ReadTag(span);
  RemoveLocked(span, tag);
  const Unit end = span + tag.units;
  const Unit rest = first + units;
  WriteTag(first, {SpanState::kUsed, 0, units});
  if (first > span) InsertLocked(span, first - span);
  if (end > rest) InsertLocked(rest, end - rest);
  const size_t dirt =
      tag.state == SpanState::kClean ? 0 : CountDirt(first, units);
  TakeFrom(g_budget.dirty, dirt << kUnitShift);
  superslab::NoteCleanTaken((units - dirt) << kUnitShift);
  superslab::AddLive(size_t{units} << kUnitShift);
  ++g_state.used_spans;
  g_state.used_units += units;
  return {first, dirt == 0};
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
  Unit first = AlignUnit(span, align_units);
  // The end that is dirty, if it is only one.
  const Unit last = span + ReadTag(span).units - 1;
  if (align_units == 1 && IsDirty(last) && !IsDirty(span)) {
    first = last + 1 - static_cast<Unit>(units);
  }
  return CarveLocked(span, first, static_cast<uint32_t>(units));
}

// But for slabs that are absent.
void MarkSlabs(size_t first_super, size_t count, int8_t kind) {
  const size_t end = (first_super + count) * kSlabsPerSuper;
  for (size_t i = first_super * kSlabsPerSuper; i < end; ++i) {
    if (superslab::MapByte(i) != superslab::kAbsent) {
      superslab::SetMapByte(i, kind);
    }
  }
}

// A free stretch that one thread has taken out of the lists.
struct Busy {
  Unit first;
  Unit end;
};

// Where the last `most` dirty units of a free span begin.
Unit FindDirt(Unit unit, Unit end, size_t most) {
  size_t found = 0;
  while (end > unit && found < most) found += IsDirty(--end) ? 1 : 0;
  return end;
}

// Takes the largest span with dirty units, of a longer one the end that has
// `most` of them; without one a clean span that holds a SuperSlab, if
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
    const Unit from = FindDirt(unit, end, most);
    if (from > unit) InsertLocked(unit, from - unit);
    unit = from;
  }
  *busy = {unit, end};
  WriteTag(unit, {SpanState::kBusy, 0, end - unit});
  return true;
}

void PutBackLocked(Unit first, Unit end) {
  if (first >= end) return;
  WriteTag(first, {SpanState::kInner, 0, 0});
  InsertLocked(first, end - first);
}

void PutBack(const Busy& busy) {
  LockHolder hold(g_state.lock);
  PutBackLocked(busy.first, busy.end);
}

void NoteGone(size_t units) {
  TakeFrom(g_budget.dirty, units << kUnitShift);
  superslab::NotePurged(units << kUnitShift);
}

// Unmaps the SuperSlabs that lie wholly in a busy stretch and puts the rest
// back. False: there are none, or the kernel refuses; nothing has changed.
bool UnmapSupers(const Busy& busy) {
  const size_t first = (busy.first + kUnitsPerSuper - 1) / kUnitsPerSuper;
  size_t end = busy.end / kUnitsPerSuper;
  const Unit from = static_cast<Unit>(first * kUnitsPerSuper);
  Unit to = static_cast<Unit>(end * kUnitsPerSuper);
  // One that is mapped in part up to here.
  if (busy.end > to &&
      superslab::MapByte(busy.end / kUnitsPerSlab) == superslab::kAbsent) {
    to = busy.end;
    ++end;
  }
  if (end <= first) return false;
  // Nobody else looks at the dirt of a busy stretch.
  const size_t dirt = CountDirt(from, to - from);
  MarkSlabs(first, end - first, superslab::kReleased);
  if (!superslab::UnclaimSupers(first, end - first)) {
    MarkSlabs(first, end - first, superslab::kLarge);
    return false;
  }
  NoteGone(dirt);
  LockHolder hold(g_state.lock);
  PutBackLocked(busy.first, from);
  PutBackLocked(to, busy.end);
  return true;
}

// Gives the pages of a busy stretch back to the kernel, and the stretch to the
// lists. False: it holds no whole page, or the kernel refuses; nothing has
// changed.
bool DecommitPages(const Busy& busy) {
  const size_t page = platform::PageSize();
  const uintptr_t from = AlignUp(UnitAddress(busy.first), page);
  const uintptr_t to = AlignDown(UnitAddress(busy.end), page);
  if (from >= to) return false;
  const Unit first = UnitOf(from);
  const Unit end = UnitOf(to - 1) + 1;
  const size_t dirt = CountDirt(first, end - first);
  if (dirt == 0 || !superslab::GiveBack(At<void>(from), to - from)) {
    return false;
  }
  NoteGone(dirt);
  LockHolder hold(g_state.lock);
  SetDirt(first, end - first, false);
  PutBackLocked(busy.first, busy.end);
  return true;
}

}  // namespace

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
  if (unmap_all && WasMixed()) (void)AddFreeSlabs();
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

SpanResult TakeSpan(size_t units, size_t align_units) {
  LockHolder hold(g_state.lock);
  return TakeLocked(units, align_units);
}

SpanResult AcquireSpan(size_t units, size_t align_units) {
  if (units == 0 || units + align_units > kMaxUnits) return {0, false};
  for (;;) {
    const SpanResult result = TakeSpan(units, align_units);
    if (result.unit != 0) {
      superslab::GiveBackForGrowth();
      return result;
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
  FreeLocked(unit, tag.units, state);
}

uint32_t FindDirty(Unit* unit, Unit end) {
  uint32_t units = 0;
  if constexpr (kVariant.guards) {
    // A neighbour's bits lie in the same word.
    LockHolder hold(g_state.lock);
    while (*unit != end && !IsDirty(*unit)) ++*unit;
    while (*unit + units != end && IsDirty(*unit + units)) ++units;
  }
  return units;
}

void AddSpan(Unit unit, uint32_t units, SpanState state) {
  LockHolder hold(g_state.lock);
  for (Unit i = unit / kUnitsPerSlab; i <= (unit + units - 1) / kUnitsPerSlab;
       ++i) {
    superslab::SetMapByte(i, superslab::kLarge);
  }
  FreeLocked(unit, units, state);
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
    FreeLocked(unit + wanted, less, SpanState::kDirty);
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
