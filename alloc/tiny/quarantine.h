// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: freed blocks that must not come back at once, per thread and class.
// Locks: none here.   Read next: alloc/tiny/armour.cc
//
//   free ──► a place drawn at random ──► first in, first out ──► the bin
//                 (who sat there)            (who is oldest)
//
// So a block stays for as many frees of its class as the second half is long
// at least, and nobody can say for how many more.

#ifndef HAKMEM_ALLOC_TINY_QUARANTINE_H_
#define HAKMEM_ALLOC_TINY_QUARANTINE_H_

#include <cstddef>
#include <cstdint>

#include "alloc/tiny/size_class.h"
#include "platform/cpu.h"

namespace hakmem::tiny {

// Places in each half; a power of two. Many of what is small: what waits here
// must not push the program's own blocks out of the CPU's caches. About 410 KiB
// if a thread has filled all classes, a third of it in blocks above 7 KiB.
constexpr unsigned QuarantineHalf(unsigned size_class) {
  const unsigned stride = kStride[size_class];
  return stride <= 128 ? 16u : stride <= 272 ? 8u : stride <= 1040 ? 4u : 2u;
}

// What the way of a block through the armour needs of its class, in one load.
struct alignas(8) ArmourClass {
  uint16_t slot;   // the stride
  uint16_t first;  // place in quarantine
  uint16_t mask;   // places of a half, less one
};
struct ArmourClasses {
  ArmourClass of[kClasses];
  unsigned places;
};
constexpr ArmourClasses MakeArmourClasses() {
  ArmourClasses classes{};
  for (unsigned c = 0; c < kClasses; ++c) {
    const unsigned half = QuarantineHalf(c);
    classes.of[c] = {kStride[c], static_cast<uint16_t>(classes.places),
                     static_cast<uint16_t>(half - 1)};
    classes.places += 2 * half;
  }
  return classes;
}
inline constexpr ArmourClasses kArmour = MakeArmourClasses();

class Quarantine {
 public:
  // Takes a block in. Returns the one that has to go; nullptr: none yet.
  HAK_INLINE void* Exchange(unsigned c, void* block) {
    const ArmourClass armour = kArmour.of[c];
    // Multiplied and added to: good enough, and three instructions.
    order_ = order_ * 0x5851F42D4C957F2Du + 0x14057B7EF767814Fu;
    last_ = static_cast<uint8_t>(c);
    void** const places = slots_ + armour.first;
    void*& any = places[(order_ >> 48) & armour.mask];
    void* const out = any;
    any = block;
    if (HAK_UNLIKELY(out == nullptr)) return nullptr;
    void** const queue = places + armour.mask + 1;
    const unsigned turn = turn_[c];
    void*& oldest = queue[turn];
    turn_[c] = static_cast<uint8_t>((turn + 1) & armour.mask);
    void* const leaves = oldest;
    oldest = out;
    return leaves;
  }
  // The class of the block that came last.
  unsigned last() const { return last_; }
  // Before the first block comes.
  void Seed(uint64_t secret) { order_ += secret; }

  // Calls `look(block)` for all blocks of a class.
  template <class Look>
  void ForEach(unsigned c, Look look) const {
    const ArmourClass armour = kArmour.of[c];
    for (unsigned i = 0; i < 2u * (armour.mask + 1u); ++i) {
      if (slots_[armour.first + i] != nullptr) look(slots_[armour.first + i]);
    }
  }

  unsigned Count(unsigned c) const {
    unsigned count = 0;
    ForEach(c, [&count](void*) { ++count; });
    return count;
  }

  // Takes all blocks of a class out, by `take(block)`.
  template <class Take>
  void Empty(unsigned c, Take take) {
    const ArmourClass armour = kArmour.of[c];
    for (unsigned i = 0; i < 2u * (armour.mask + 1u); ++i) {
      void* block = slots_[armour.first + i];
      slots_[armour.first + i] = nullptr;
      if (block != nullptr) take(block);
    }
  }

 private:
  uint64_t order_ = 0;
  void* slots_[kArmour.places] = {};
  uint8_t turn_[kClasses] = {};
  uint8_t last_ = 0;
};

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_QUARANTINE_H_
