// Box:   large.   Uses: superslab, base.   Must not know: tiny, wrap.
// Holds: spans of the hardened variant that have left quarantine and wait for a
//        block of about their length: zero, guards in place, and the guarded
//        ones without access still. A program that goes on as it did makes one
//        system call for each of its mallocs and frees of them, and takes no
//        lock.
// Locks: none; a place changes by one atomic exchange.
// Read next: alloc/large/armour.cc

#ifndef HAKMEM_ALLOC_LARGE_PARKED_H_
#define HAKMEM_ALLOC_LARGE_PARKED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "alloc/large/span_tag.h"
#include "alloc/superslab/budget.h"

namespace hakmem::large {

class Parked {
 public:
  // Takes a span in. Returns the one that has to go for it; 0: none.
  Unit Put(Unit unit, uint32_t units) {
    // They count as live: no more of them than goes with what is. relaxed: a
    // bound on volume.
    if (bytes_.load(std::memory_order_relaxed) + (size_t{units} << kUnitShift) >
        4 * superslab::BaseBound()) {
      return unit;
    }
    superslab::AddTo(bytes_, size_t{units} << kUnitShift);
    // relaxed: a place to use.
    const unsigned turn = turn_.fetch_add(1, std::memory_order_relaxed);
    return Swap(places_[turn % kPlaces], Pack(unit, units));
  }

  // Takes out the shortest span of `least`..`most` units; 0: there is none.
  Unit Take(uint32_t least, uint32_t most) {
    std::atomic<uint64_t>* best = nullptr;
    uint64_t best_span = 0;
    for (std::atomic<uint64_t>& place : places_) {
      // relaxed: the CAS checks.
      const uint64_t span = place.load(std::memory_order_relaxed);
      const uint32_t units = static_cast<uint32_t>(span >> 32);
      if (units < least || units > most) continue;
      most = units - (units > least);
      best = &place;
      best_span = span;
    }
    // acquire: pairs with the release in Swap.
    if (best == nullptr ||
        !best->compare_exchange_strong(best_span, 0, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      return 0;
    }
    superslab::TakeFrom(bytes_, (best_span >> 32) << kUnitShift);
    return static_cast<Unit>(best_span);
  }

  // Any span; 0: there is none.
  Unit TakeAny() {
    for (std::atomic<uint64_t>& place : places_) {
      if (const Unit unit = Swap(place, 0)) return unit;
    }
    return 0;
  }

 private:
  static constexpr unsigned kPlaces = 16;

  static uint64_t Pack(Unit unit, uint32_t units) {
    return uint64_t{units} << 32 | unit;
  }
  Unit Swap(std::atomic<uint64_t>& place, uint64_t span) {
    // acq_rel: whoever takes the span out sees what was done to it here.
    const uint64_t out = place.exchange(span, std::memory_order_acq_rel);
    superslab::TakeFrom(bytes_, (out >> 32) << kUnitShift);
    return static_cast<Unit>(out);
  }

  std::atomic<uint64_t> places_[kPlaces] = {};
  std::atomic<unsigned> turn_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_PARKED_H_
