// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: quarantine and parking of spans, and whether their pages are kept.
// Locks: none; a place of either changes by one atomic exchange.
// Read next: alloc/large/parked.h

#include "alloc/large/detention.h"

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/large/armour.h"
#include "alloc/large/armour_span.h"
#include "alloc/large/parked.h"
#include "alloc/large/span_heap.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "platform/die.h"
#include "platform/page_source.h"

namespace hakmem::large {
namespace {

// Each guard splits a mapping in two, of which the kernel allows 65,530.
constexpr size_t kMaxGuards = 4096;

// Frees until a span leaves quarantine again; one of a MiB or more, of which a
// few would be all that a program may have idle, sooner.
constexpr unsigned kPlaces = 8;
constexpr unsigned kLongPlaces = 2;
constexpr uint32_t kLongUnits = (1u << 20) >> kUnitShift;
struct Ring {
  std::atomic<Unit> places[kPlaces] = {};  // or the first of them
  std::atomic<unsigned> turn{0};
};
struct State {
  Ring guarded;
  Ring long_guarded;
  Ring plain;
  Parked parked_guarded;
  Parked parked_plain;
  // Of pages that freed spans kept, in quarantine or parked.
  std::atomic<size_t> kept_bytes{0};
  std::atomic<size_t> guards{0};
  // Spans that the kernel would not give access back to: a list through TailOf.
  std::atomic<Unit> barred{0};
  std::atomic<size_t> detained_spans{0};
  std::atomic<size_t> detained_bytes{0};
  std::atomic<size_t> front_units{0};
};
HAK_CONSTINIT State g_state;

// The span together with the unit in front of it.
Unit Whole(Unit unit, SpanTag tag) {
  if ((AroundOf(unit) & kUnitInFront) == 0) return unit;
  superslab::TakeFrom(g_state.front_units, 1);
  WriteTag(unit, {SpanState::kInner, 0, 0});
  WriteTag(unit - 1, {tag.state, 0, tag.units + 1});
  return unit - 1;
}

void ForgetKept(Unit unit, size_t bytes) {
  if ((AroundOf(unit) & kPagesKept) == 0) return;
  superslab::TakeFrom(g_state.kept_bytes, bytes);
  AroundOf(unit) &= ~kPagesKept;
}

// Not detained any more.
void Forget(size_t bytes) {
  superslab::TakeFrom(g_state.detained_spans, 1);
  superslab::TakeFrom(g_state.detained_bytes, bytes);
}

// What freed spans keep is dirty like any other, and is not alive. How much of
// both must be given back, if spans of `more` bytes are freed and kept?
size_t KeptTooMuch(size_t more) {
  using superslab::Read;
  const size_t all = Read(superslab::g_budget.live);
  const size_t detained = Read(g_state.detained_bytes) + more;
  return superslab::TooMuch(
      Read(superslab::g_budget.dirty) + Read(g_state.kept_bytes) + more,
      all > detained ? all - detained : 0);
}

// The pages of a span and the one in front, which may be there as well: it was
// written to when it was another span's.
Pages AllPagesOf(Unit unit, SpanTag tag) {
  Pages pages = PagesOf(unit, tag);
  if ((AroundOf(unit) & kUnitInFront) != 0) {
    pages.start = static_cast<char*>(pages.start) - kUnitBytes;
    pages.bytes += kUnitBytes;
  }
  return pages;
}

// What a detained span has kept.
void GivePagesBack(Unit unit) {
  const SpanTag tag = ReadTag(unit);
  const Pages pages = AllPagesOf(unit, tag);
  if ((AroundOf(unit) & kPagesKept) == 0 ||
      !platform::Decommit(pages.start, pages.bytes)) {
    return;
  }
  superslab::NotePurged(pages.bytes);
  ForgetKept(unit, size_t{tag.units} << kUnitShift);
}

// Of a detained span what others could write to: all, or what shares a page.
void CheckOpen(Unit unit, SpanTag tag) {
  const uintptr_t start = UnitAddress(unit);
  const bool barred = IsGuarded(unit) && (AroundOf(unit) & kOpen) == 0;
  const uintptr_t end =
      barred ? AddressOf(static_cast<char*>(PagesOf(unit, tag).start))
             : EndOf(unit, tag);
  if (!IsZeroRange(At<void>(start), end - start)) ReportWriteAfterFree(start);
}

// To the free spans, with its pages if they may stay.
void Leave(Unit unit) {
  const SpanTag tag = ReadTag(unit);
  const size_t bytes = size_t{tag.units} << kUnitShift;
  const bool guarded = IsGuarded(unit);
  CheckOpen(unit, tag);
  if (KeptTooMuch(0) != 0) GivePagesBack(unit);
  const bool touched = (AroundOf(unit) & (kPagesKept | kOpen)) != 0;
  if (guarded) {
    const Pages pages = AllPagesOf(unit, tag);
    // Memory that can be written to counts for RLIMIT_DATA: at the limit the
    // window gives up what it can, and it is tried again when memory is out.
    if (!platform::Permit(pages.start, pages.bytes) &&
        !(superslab::LowerLimit(1) &&
          platform::Permit(pages.start, pages.bytes))) {
      // relaxed: the CAS checks.
      Unit head = g_state.barred.load(std::memory_order_relaxed);
      do {
        TailOf(unit) = head;
        // release: pairs with the acquire in EmptyQuarantine.
      } while (!g_state.barred.compare_exchange_weak(
          head, unit, std::memory_order_release, std::memory_order_relaxed));
      return;
    }
    superslab::TakeFrom(g_state.guards, 1);
  }
  Forget(bytes);
  ForgetKept(unit, bytes);
  ReleaseSpan(Whole(unit, tag),
              guarded && !touched ? SpanState::kClean : SpanState::kDirty);
}

// Out of quarantine.
void Park(Unit unit) {
  const SpanTag tag = ReadTag(unit);
  const bool guarded = IsGuarded(unit);
  // What could be written to all the time is no shelter; and one whose
  // alignment left no room for a page in front is of no use to others.
  const uint32_t flags = AroundOf(unit) & (kUnitInFront | kOpen);
  const uint32_t wanted = FrontUnits(true, 1) != 0 ? kUnitInFront : 0;
  if (superslab::WindowIsFixed() || (guarded && flags != wanted)) {
    return Leave(unit);
  }
  Parked& parked = guarded ? g_state.parked_guarded : g_state.parked_plain;
  if (const Unit out = parked.Put(unit, tag.units)) Leave(out);
}

void Enter(Ring& ring, unsigned places, Unit unit, SpanTag tag) {
  superslab::AddTo(g_state.detained_spans, 1);
  superslab::AddTo(g_state.detained_bytes, size_t{tag.units} << kUnitShift);
  // relaxed: a place to use.
  const unsigned turn = ring.turn.fetch_add(1, std::memory_order_relaxed);
  // acq_rel: whoever takes the span out sees what was done to it here.
  const Unit out =
      ring.places[turn % places].exchange(unit, std::memory_order_acq_rel);
  if (out != 0) Park(out);
}

void Empty(Ring& ring) {
  for (std::atomic<Unit>& place : ring.places) {
    // acq_rel: as in Enter.
    const Unit out = place.exchange(0, std::memory_order_acq_rel);
    if (out != 0) Leave(out);
  }
}

// Are most of its pages there? The kernel would say, but filters of system
// calls made for malloc do not know how to ask it. A read that takes long had
// to find a page: the wrong guess costs time only.
bool IsResident(uintptr_t start, size_t bytes) {
  constexpr uint64_t kFault = 200;  // nanoseconds
  for (size_t i = 3; i > 0; --i) {
    const uint64_t before = platform::Now();
    (void)*At<volatile char>(start + bytes / 4 * i);
    if (platform::Now() - before > kFault) return false;
  }
  return true;
}

// Zeroing pages costs less than giving them back and finding others, if they
// are there.
bool KeepsPages(uintptr_t start, size_t used, size_t bytes) {
  if (KeptTooMuch(bytes) != 0 || !IsResident(start, used)) return false;
  superslab::AddTo(g_state.kept_bytes, bytes);
  return true;
}

void KeepLessIn(Ring& ring) {
  for (std::atomic<Unit>& place : ring.places) {
    if (KeptTooMuch(0) == 0) return;
    // acq_rel, both: as in Enter.
    const Unit unit = place.exchange(0, std::memory_order_acq_rel);
    if (unit == 0) continue;
    GivePagesBack(unit);
    const Unit other = place.exchange(unit, std::memory_order_acq_rel);
    if (other != 0) Park(other);
  }
}

// Less may be alive than when they were kept. Free spans first: what is
// detained finds its guards in place when it is used again.
void KeepLess() {
  const size_t excess = KeptTooMuch(0);
  if (excess == 0) return;
  const size_t dirty = superslab::Read(superslab::g_budget.dirty);
  superslab::Purge(dirty > excess ? dirty - excess : 0, 1);
  while (KeptTooMuch(0) != 0) {
    const Unit unit = g_state.parked_guarded.TakeAny();
    if (unit == 0) break;
    Leave(unit);
  }
  KeepLessIn(g_state.guarded);
  KeepLessIn(g_state.long_guarded);
}

// Takes the pages of a guarded span away from everybody.
void Bury(Unit unit, SpanTag tag) {
  const Pages pages = PagesOf(unit, tag);
  const Pages all = AllPagesOf(unit, tag);
  const uintptr_t start = UnitAddress(unit);
  const uintptr_t end = EndOf(unit, tag);
  const uintptr_t first = AddressOf(static_cast<char*>(pages.start));
  // What shares its page with a neighbour stays, zeroed.
  if (first > start) ZeroRange(At<void>(start), first - start);
  const size_t bytes = size_t{tag.units} << kUnitShift;
  if (KeepsPages(first, end - first, bytes)) {
    ZeroRange(pages.start, end - first);
    AroundOf(unit) |= kPagesKept;
  } else if (!platform::Decommit(all.start, all.bytes)) {
    ZeroRange(pages.start, end - first);
  } else {
    superslab::NotePurged(end - first);
  }
  // If not, it is in quarantine all the same, and zero.
  if (!platform::Forbid(pages.start, end - first)) AroundOf(unit) |= kOpen;
}

}  // namespace

bool TakeGuard(Unit unit, SpanTag tag) {
  // relaxed, all: a bound on a number.
  if (g_state.guards.fetch_add(1, std::memory_order_relaxed) < kMaxGuards &&
      platform::Forbid(At<void>(PageBefore(unit + tag.units)),
                       platform::PageSize())) {
    return true;
  }
  g_state.guards.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Detain(Unit unit, SpanTag tag) {
  if (IsGuarded(unit)) {
    Bury(unit, tag);
    if (tag.units < kLongUnits) {
      Enter(g_state.guarded, kPlaces, unit, tag);
    } else {
      Enter(g_state.long_guarded, kLongPlaces, unit, tag);
    }
    KeepLess();
  } else {
    ZeroContent(unit, tag);
    Enter(g_state.plain, kPlaces, unit, tag);
  }
}

Unit Unpark(uint32_t units, bool guarded) {
  Parked& parked = guarded ? g_state.parked_guarded : g_state.parked_plain;
  const Unit unit = parked.Take(units, guarded ? units + units / 4 + 4 : units);
  if (unit == 0) return 0;
  const SpanTag tag = ReadTag(unit);
  CheckOpen(unit, tag);
  AroundOf(unit) = (AroundOf(unit) & kAroundFlags) | (tag.units - units)
                                                         << kRestShift;
  if (guarded) {
    void* const open = PagesOf(unit, tag).start;
    const uintptr_t from = AddressOf(static_cast<char*>(open));
    if (!platform::Permit(open, EndOf(unit, tag) - from)) {
      Leave(unit);
      return 0;
    }
  }
  const size_t bytes = size_t{tag.units} << kUnitShift;
  Forget(bytes);
  if (guarded && (AroundOf(unit) & kPagesKept) == 0) {
    superslab::NoteCleanTaken(bytes);
  }
  ForgetKept(unit, bytes);
  return unit;
}

void NoteFront(uint32_t units) { superslab::AddTo(g_state.front_units, units); }

void ReportWriteAfterFree(uintptr_t start) {
  platform::Line line;
  line.Text("hakmem: write after free in ").Hex(start).Text(" (Large)");
  platform::Die(line);
}

void EmptyQuarantine() {
  Empty(g_state.guarded);
  Empty(g_state.long_guarded);
  Empty(g_state.plain);
  while (const Unit out = g_state.parked_guarded.TakeAny()) Leave(out);
  while (const Unit out = g_state.parked_plain.TakeAny()) Leave(out);
  // acquire: pairs with the release in Leave.
  Unit unit = g_state.barred.exchange(0, std::memory_order_acquire);
  while (unit != 0) {
    const Unit next = TailOf(unit);
    Leave(unit);
    unit = next;
  }
}

Detained CountQuarantine() {
  return {superslab::Read(g_state.detained_spans),
          superslab::Read(g_state.detained_bytes),
          superslab::Read(g_state.front_units)};
}

}  // namespace hakmem::large
