// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: canaries and guards of spans.
// Locks: none.   Read next: alloc/large/detention.h

#include "alloc/large/armour.h"

#include <string.h>

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/base/secret.h"
#include "alloc/large/armour_span.h"
#include "alloc/large/detention.h"
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
// The same word at every multiple of 8, another for every block.
uint64_t PatternFor(uintptr_t end) {
  return ((end ^ g_secret) * 0x9E3779B97F4A7C15u) | 0x8080808080808080u;
}
unsigned char PatternByte(uint64_t pattern, uintptr_t address) {
  return static_cast<unsigned char>(pattern >> (address % 8 * 8));
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

// Units that were just taken: what was dirty may have been written to since.
void VerifyZero(Unit at, Unit end) {
  while (const uint32_t dirty = FindDirty(&at, end)) {
    if (!IsZeroRange(At<void>(UnitAddress(at)), size_t{dirty} << kUnitShift)) {
      ReportWriteAfterFree(UnitAddress(at));
    }
    at += dirty;
  }
}

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
  } else if (!span.zeroed) {
    VerifyZero(span.unit, span.unit + units + front);
  }
  WriteTag(unit, tag);
  AroundOf(unit) = guarded && TakeGuard(unit, tag) ? kGuardBehind : 0;
  if (front != 0) {
    NoteFront(front);
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
  Unit unit = lines ? Unpark(units, guarded) : 0;
  if (unit == 0) {
    unit = AcquireGuarded(units,
                          alignment > kUnitBytes ? alignment >> kUnitShift : 1,
                          front, guarded);
  }
  if (unit == 0) return nullptr;
  SpanTag tag{SpanState::kUsed, 0, ReadTag(unit).units};
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
  Detain(unit, tag);
}

namespace {

// Takes the free units behind a span with a guard, so that it has room for
// `bytes` from `block` on, and moves the guard. False: not possible.
bool Extend(uintptr_t block, Unit unit, SpanTag tag, size_t bytes) {
  // One that was parked may be longer than it says, and larger pages share
  // units with neighbours.
  if (!IsGuarded(unit) || AroundOf(unit) >> kRestShift != 0 ||
      platform::PageSize() != kUnitBytes || bytes > kMaxSpanBytes) {
    return false;
  }
  const size_t need = block - UnitAddress(unit) + bytes + kTail;
  const uint32_t units =
      static_cast<uint32_t>((need + kUnitBytes - 1) >> kUnitShift) + 1;
  if (!ResizeSpan(unit, units)) return false;
  VerifyZero(unit + tag.units, unit + units);
  void* const guard = At<void>(PageBefore(unit + tag.units));
  if (platform::Permit(guard, kUnitBytes)) {
    if (platform::Forbid(At<void>(PageBefore(unit + units)), kUnitBytes)) {
      return true;
    }
    (void)platform::Forbid(guard, kUnitBytes);
  }
  (void)ResizeSpan(unit, tag.units);
  return false;
}

}  // namespace

bool ResizeArmoured(void* pointer, Unit unit, SpanTag tag, size_t bytes) {
  char* const block = static_cast<char*>(pointer);
  size_t room = EndOf(unit, tag) - AddressOf(block);
  const size_t before = room - TailOf(unit);
  if (bytes < room / 2) return false;
  const size_t tail = TailOf(unit);
  const size_t canaries = tail < kMostCanaries ? tail : kMostCanaries;
  if (!CanariesIntact(block + before, canaries)) {
    ReportOverflow(pointer, "Large");
  }
  // What ends at a guard may have had no tail either.
  if (bytes > before && bytes + kTail > room) {
    if (!Extend(AddressOf(block), unit, tag, bytes)) return false;
    room = EndOf(unit, ReadTag(unit)) - AddressOf(block);
  }
  // What is given up, or was a canary, must not be found there.
  const size_t keep = bytes < before ? bytes : before;
  memset(block + keep, 0, before + canaries - keep);
  const size_t rest = room - bytes;
  TailOf(unit) = static_cast<uint32_t>(rest);
  WriteCanaries(block + bytes, rest < kMostCanaries ? rest : kMostCanaries);
  return true;
}

}  // namespace hakmem::large
