// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: canaries, guards and quarantine of spans.
// Locks: none; a place of the quarantine changes by one atomic exchange.
// Read next: alloc/large/large.cc

#include "alloc/large/armour.h"

#include <string.h>

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/base/secret.h"
#include "alloc/large/span_heap.h"
#include "alloc/superslab/budget.h"
#include "platform/die.h"
#include "platform/page_source.h"

namespace hakmem::large {
namespace {

constexpr size_t kHead = platform::kCacheLine;
constexpr size_t kTail = 16;
// Behind so many none are written: who gets there has met them, unless he
// skipped them.
constexpr size_t kMostCanaries = 512;
// Each guard splits a mapping in two, of which the kernel allows 65,530.
constexpr size_t kMaxGuards = 4096;

// Frees until a span leaves quarantine again.
constexpr unsigned kPlaces = 8;
struct Ring {
  std::atomic<Unit> places[kPlaces] = {};
  std::atomic<unsigned> turn{0};
};
struct State {
  Ring guarded;
  Ring plain;
  std::atomic<size_t> guards{0};
  // Spans that the kernel would not give access back to: a list through TailOf.
  std::atomic<Unit> barred{0};
  std::atomic<size_t> detained_spans{0};
  std::atomic<size_t> detained_bytes{0};
  std::atomic<size_t> front_units{0};
};
HAK_CONSTINIT State g_state;

// Where a span's free neighbours' links would be: of a used one the bytes
// behind the block, and what lies around it.
uint32_t& TailOf(Unit unit) { return MetaOf(unit).next[unit % kUnitsPerSuper]; }
uint32_t& AroundOf(Unit unit) {
  return MetaOf(unit).prev[unit % kUnitsPerSuper];
}
constexpr uint32_t kGuardBehind = 1;  // its last page, without access
constexpr uint32_t kUnitInFront = 2;  // the unit before it, to be another
bool IsGuarded(Unit unit) { return (AroundOf(unit) & kGuardBehind) != 0; }

// With small pages a guarded block has one in front of it, too. That unit is a
// span of its own as long as the block's is in use.
uint32_t FrontUnits(bool guarded, size_t alignment) {
  return guarded && alignment <= platform::kCacheLine &&
                 platform::PageSize() == kUnitBytes
             ? 1
             : 0;
}

// Units that hold a whole page wherever they begin.
uint32_t GuardUnits() {
  return static_cast<uint32_t>(2 * (platform::PageSize() >> kUnitShift) - 1);
}
uintptr_t PageBefore(Unit end) {
  return AlignDown(UnitAddress(end), platform::PageSize()) -
         platform::PageSize();
}
// The end of what a block of the span may use.
uintptr_t EndOf(Unit unit, SpanTag tag) {
  return IsGuarded(unit) ? PageBefore(unit + tag.units)
                         : UnitAddress(unit + tag.units);
}

// Whole pages of the span, the guard among them.
struct Pages {
  void* start;
  size_t bytes;
};
Pages PagesOf(Unit unit, SpanTag tag) {
  const uintptr_t start = AlignUp(UnitAddress(unit), platform::PageSize());
  const uintptr_t end =
      AlignDown(UnitAddress(unit + tag.units), platform::PageSize());
  return {At<void>(start), end > start ? end - start : 0};
}

// The same word at every multiple of 8, another for every block.
uint64_t PatternFor(uintptr_t end) {
  return ((end ^ g_secret) * 0x9E3779B97F4A7C15u) | 0x8080808080808080u;
}
unsigned char PatternByte(uint64_t pattern, uintptr_t address) {
  return static_cast<unsigned char>(pattern >> (address % 8 * 8));
}

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

// Zeroes what was the program's, and the canaries around it.
void ZeroContent(Unit unit, SpanTag tag) {
  const uintptr_t start = UnitAddress(unit);
  memset(At<void>(start), 0, EndOf(unit, tag) - start);
}

// The span together with the unit in front of it.
Unit Whole(Unit unit, SpanTag tag) {
  if ((AroundOf(unit) & kUnitInFront) == 0) return unit;
  superslab::TakeFrom(g_state.front_units, 1);
  WriteTag(unit, {SpanState::kInner, 0, 0});
  WriteTag(unit - 1, {tag.state, 0, tag.units + 1});
  return unit - 1;
}

// Out of quarantine, to the free spans.
void Leave(Unit unit) {
  const SpanTag tag = ReadTag(unit);
  const size_t bytes = size_t{tag.units} << kUnitShift;
  const bool guarded = IsGuarded(unit);
  if (guarded) {
    Pages pages = PagesOf(unit, tag);
    if ((AroundOf(unit) & kUnitInFront) != 0) {
      pages.start = static_cast<char*>(pages.start) - kUnitBytes;
      pages.bytes += kUnitBytes;
    }
    // Memory that can be written to counts for RLIMIT_DATA: at the limit it is
    // tried again when memory is out.
    if (!platform::Permit(pages.start, pages.bytes)) {
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
  superslab::TakeFrom(g_state.detained_spans, 1);
  superslab::TakeFrom(g_state.detained_bytes, bytes);
  ReleaseSpan(Whole(unit, tag),
              guarded ? SpanState::kClean : SpanState::kDirty);
}

void Enter(Ring& ring, Unit unit, SpanTag tag) {
  superslab::AddTo(g_state.detained_spans, 1);
  superslab::AddTo(g_state.detained_bytes, size_t{tag.units} << kUnitShift);
  // relaxed: a place to use.
  const unsigned turn = ring.turn.fetch_add(1, std::memory_order_relaxed);
  // acq_rel: whoever takes the span out sees what was done to it here.
  const Unit out =
      ring.places[turn % kPlaces].exchange(unit, std::memory_order_acq_rel);
  if (out != 0) Leave(out);
}

void Empty(Ring& ring) {
  for (std::atomic<Unit>& place : ring.places) {
    // acq_rel: as in Enter.
    const Unit out = place.exchange(0, std::memory_order_acq_rel);
    if (out != 0) Leave(out);
  }
}

// Takes the pages of a guarded span away from everybody.
void Bury(Unit unit, SpanTag tag) {
  const Pages pages = PagesOf(unit, tag);
  const uintptr_t start = UnitAddress(unit);
  const uintptr_t end = EndOf(unit, tag);
  const uintptr_t first = AddressOf(static_cast<char*>(pages.start));
  // What shares its page with a neighbour stays, zeroed.
  if (first > start) memset(At<void>(start), 0, first - start);
  if (!platform::Decommit(pages.start, end - first)) {
    memset(pages.start, 0, end - first);
  } else {
    superslab::NotePurged(end - first);
  }
  // If not, it is in quarantine all the same, and zero.
  (void)platform::Forbid(pages.start, pages.bytes);
}

}  // namespace

void WriteCanaries(void* from, size_t bytes) {
  uintptr_t at = AddressOf(static_cast<char*>(from));
  const uintptr_t end = at + bytes;
  const uint64_t pattern = PatternFor(end);
  for (; at < end && at % 8 != 0; ++at) {
    *At<unsigned char>(at) = PatternByte(pattern, at);
  }
  for (; at + 8 <= end; at += 8) *At<Bytes8>(at) = pattern;
  for (; at < end; ++at) *At<unsigned char>(at) = PatternByte(pattern, at);
}

bool CanariesIntact(const void* from, size_t bytes) {
  uintptr_t at = AddressOf(static_cast<const char*>(from));
  const uintptr_t end = at + bytes;
  const uint64_t pattern = PatternFor(end);
  uint64_t wrong = 0;
  for (; at < end && at % 8 != 0; ++at) {
    wrong |= *At<unsigned char>(at) ^ PatternByte(pattern, at);
  }
  for (; at + 8 <= end; at += 8) wrong |= *At<Bytes8>(at) ^ pattern;
  for (; at < end; ++at) {
    wrong |= *At<unsigned char>(at) ^ PatternByte(pattern, at);
  }
  return wrong == 0;
}

void ReportOverflow(const void* block, const char* kind) {
  platform::Line line;
  line.Text("hakmem: overflow of ").Pointer(block).Text(" (").Text(kind);
  line.Text("): written past the bytes that were asked for");
  platform::Die(line);
}

namespace {

// A span whose memory is zero, its guards in place. 0: no memory.
Unit AcquireGuarded(uint32_t units, size_t align_units, uint32_t front,
                    bool guarded) {
  const SpanResult span = AcquireSpan(units + front, align_units);
  if (span.unit == 0) return 0;
  const Unit unit = span.unit + front;
  const SpanTag tag{SpanState::kUsed, 0, units};
  const uintptr_t start = UnitAddress(span.unit);
  if (superslab::WindowIsFixed() && !span.zeroed) {
    AroundOf(unit) = 0;
    ZeroContent(unit, tag);  // a buffer may hold anything
  } else if (!span.zeroed && !IsZeroRange(At<void>(start), size_t{units + front}
                                                               << kUnitShift)) {
    platform::Line line;
    line.Text("hakmem: write after free in ").Hex(start).Text(" (Large)");
    platform::Die(line);
  }
  WriteTag(unit, tag);
  AroundOf(unit) = guarded && TakeGuard(unit, tag) ? kGuardBehind : 0;
  if (front != 0) {
    superslab::AddTo(g_state.front_units, front);
    WriteTag(span.unit, {SpanState::kBusy, 0, front});
    AroundOf(unit) |= kUnitInFront;
    if (IsGuarded(unit)) (void)platform::Forbid(At<void>(start), kUnitBytes);
  }
  return unit;
}

}  // namespace

void* AllocateArmoured(size_t bytes, size_t alignment) {
  (void)DrawSecret();
  const bool lines = alignment <= platform::kCacheLine;
  // In a pool nothing changes its access.
  const bool guarded = bytes >= kGuardFrom && superslab::EnsureWindow() &&
                       !superslab::WindowIsFixed();
  const uint32_t front = FrontUnits(guarded, alignment);
  // Between two guards there need not be canaries.
  const size_t need = front != 0 ? bytes : bytes + (lines ? kHead : 0) + kTail;
  const uint32_t units =
      static_cast<uint32_t>((need + kUnitBytes - 1) >> kUnitShift) +
      (guarded ? GuardUnits() : 0);
  const Unit unit = AcquireGuarded(
      units, alignment > kUnitBytes ? alignment >> kUnitShift : 1, front,
      guarded);
  if (unit == 0) return nullptr;
  SpanTag tag{SpanState::kUsed, 0, units};
  const uintptr_t start = UnitAddress(unit);
  const uintptr_t end = EndOf(unit, tag);
  if (lines) {
    const size_t room = end - start - bytes - (front != 0 ? 0 : kTail);
    const size_t most = room / platform::kCacheLine;
    tag.color = static_cast<uint8_t>(most < kMaxColor ? most : kMaxColor);
  }
  const uintptr_t block = start + tag.color * platform::kCacheLine;
  const size_t tail = end - block - bytes;
  TailOf(unit) = static_cast<uint32_t>(tail);
  if (tag.color != 0) WriteCanaries(At<void>(block - kHead), kHead);
  WriteCanaries(At<void>(block + bytes),
                tail < kMostCanaries ? tail : kMostCanaries);
  WriteTag(unit, tag);
  return At<void>(block);
}

size_t AskedBytes(void* pointer, Unit unit, SpanTag tag) {
  return EndOf(unit, tag) - AddressOf(static_cast<char*>(pointer)) -
         TailOf(unit);
}

void FreeArmoured(void* pointer, Unit unit, SpanTag tag) {
  char* const block = static_cast<char*>(pointer);
  const size_t tail = TailOf(unit);
  if (!CanariesIntact(block + AskedBytes(pointer, unit, tag),
                      tail < kMostCanaries ? tail : kMostCanaries)) {
    ReportOverflow(pointer, "Large");
  }
  if (tag.color != 0 && !CanariesIntact(block - kHead, kHead)) {
    platform::Line line;
    line.Text("hakmem: underflow of ").Pointer(pointer);
    line.Text(" (Large): written before its first byte");
    platform::Die(line);
  }
  if (IsGuarded(unit)) {
    Bury(unit, tag);
    Enter(g_state.guarded, unit, tag);
  } else {
    ZeroContent(unit, tag);
    Enter(g_state.plain, unit, tag);
  }
}

bool ResizeArmoured(void* pointer, Unit unit, SpanTag tag, size_t bytes) {
  char* const block = static_cast<char*>(pointer);
  const size_t room = EndOf(unit, tag) - AddressOf(block);
  const size_t before = room - TailOf(unit);
  if (bytes + kTail > room || bytes < room / 2) return false;
  const size_t tail = TailOf(unit);
  const size_t canaries = tail < kMostCanaries ? tail : kMostCanaries;
  if (!CanariesIntact(block + before, canaries)) {
    ReportOverflow(pointer, "Large");
  }
  // What is given up, or was a canary, must not be found there.
  const size_t keep = bytes < before ? bytes : before;
  memset(block + keep, 0, before + canaries - keep);
  const size_t rest = room - bytes;
  TailOf(unit) = static_cast<uint32_t>(rest);
  WriteCanaries(block + bytes, rest < kMostCanaries ? rest : kMostCanaries);
  return true;
}

void EmptyQuarantine() {
  Empty(g_state.guarded);
  Empty(g_state.plain);
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
