// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: a reserved stretch of addresses and a bit for each 16 of them.
// Locks: none; every change is one atomic operation on a word of bits.
// Read next: alloc/wrap/armoured.cc

#include "alloc/tiny/zero_size.h"

#include <atomic>
#include <cstdint>

#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/superslab/window.h"
#include "platform/die.h"
#include "platform/page_source.h"

namespace hakmem::tiny {
namespace {

constexpr size_t kStep = 16;
constexpr size_t kBytes = size_t{1} << 20;
constexpr size_t kWords = kBytes / kStep / 64;
// Words looked at before an ordinary block is given out instead.
constexpr size_t kLooks = 64;

struct Places {
  std::atomic<uintptr_t> base{0};
  // Where the next one is looked for: it goes round, so that an address comes
  // back as late as possible.
  std::atomic<size_t> turn{0};
  std::atomic<uint64_t> live[kWords] = {};
};

HAK_CONSTINIT Places g_places;

uintptr_t Base() {
  // relaxed: nothing is written behind the address.
  uintptr_t base = g_places.base.load(std::memory_order_relaxed);
  if (base != 0) return base;
  if (!superslab::EnsureWindow() || superslab::WindowIsFixed()) return 0;
  void* fresh = platform::Reserve(kBytes);
  if (fresh == nullptr) return 0;
  // relaxed: as above; of two threads one keeps its stretch.
  if (g_places.base.compare_exchange_strong(
          base, AddressOf(static_cast<char*>(fresh)),
          std::memory_order_relaxed)) {
    return AddressOf(static_cast<char*>(fresh));
  }
  (void)platform::Unmap(fresh, kBytes);
  return base;
}

[[noreturn]] void Report(const void* pointer, const char* what, bool freed) {
  platform::Line line;
  line.Misuse(what, pointer, freed).Text(freed ? "" : "inside ");
  platform::Die(line.Text("a block of 0 bytes)"));
}

}  // namespace

void* AllocateZeroSize() {
  const uintptr_t base = Base();
  if (base == 0) return nullptr;
  // relaxed: a place to begin at.
  size_t at = g_places.turn.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < kLooks; ++i, at = (at | 63) + 1) {
    std::atomic<uint64_t>& word = g_places.live[at / 64 % kWords];
    // relaxed, both: the bit is all there is; who passes the address on
    // passes what was done with it.
    uint64_t old = word.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t free = ~old & (~uint64_t{0} << (at % 64));
      if (free == 0) break;
      const uint64_t bit = free & (0 - free);
      if (!word.compare_exchange_weak(old, old | bit,
                                      std::memory_order_relaxed)) {
        continue;
      }
      const unsigned number = static_cast<unsigned>(__builtin_ctzll(bit));
      return At<void>(base + ((at / 64 % kWords) * 64 + number) * kStep);
    }
  }
  return nullptr;
}

ZeroSizeState LookAtZeroSize(const void* address) {
  // relaxed: as in Base().
  const uintptr_t base = g_places.base.load(std::memory_order_relaxed);
  const uintptr_t offset = AddressOf(static_cast<const char*>(address)) - base;
  if (base == 0 || offset >= kBytes) return ZeroSizeState::kNone;
  const size_t place = offset / kStep;
  // relaxed: as above.
  const uint64_t word =
      g_places.live[place / 64].load(std::memory_order_relaxed);
  return ((word >> (place % 64)) & 1) != 0 ? ZeroSizeState::kLive
                                           : ZeroSizeState::kFree;
}

bool IsZeroSize(const void* pointer, const char* what) {
  const ZeroSizeState state = LookAtZeroSize(pointer);
  if (state == ZeroSizeState::kNone) return false;
  const bool live = state == ZeroSizeState::kLive;
  // The stretch begins at a page, so every start is a multiple.
  if (!live || AddressOf(static_cast<const char*>(pointer)) % kStep != 0) {
    Report(pointer, what, !live);
  }
  return true;
}

void FreeZeroSize(void* pointer) {
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  // relaxed: as in Base().
  const size_t place =
      (address - g_places.base.load(std::memory_order_relaxed)) / kStep;
  const uint64_t bit = uint64_t{1} << (place % 64);
  // relaxed: of two frees at once one finds the bit gone.
  const uint64_t old =
      g_places.live[place / 64].fetch_and(~bit, std::memory_order_relaxed);
  if ((old & bit) == 0) Report(pointer, "free", true);
}

}  // namespace hakmem::tiny
