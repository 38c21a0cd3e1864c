// Box:   superslab.   Uses: nothing.   Must not know: who runs it.
// Holds: the word that says which slabs of a SuperSlab are free, as pure
//        functions, so that the model check runs the very same code.
// Locks: none.   Read next: alloc/superslab/slab_pool.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_SUPER_WORD_H_
#define HAKMEM_ALLOC_SUPERSLAB_SUPER_WORD_H_

#include <cstdint>

namespace hakmem::superslab {

// Bit i of `free`: slab i is in the pool. Bit i of `clean`: and it reads as
// zero. The tag counts changes, so that a stale CAS fails.
struct SuperWord {
  uint16_t free;
  uint16_t clean;
  uint32_t tag;

  static constexpr SuperWord Unpack(uint64_t word) {
    return {static_cast<uint16_t>(word), static_cast<uint16_t>(word >> 16),
            static_cast<uint32_t>(word >> 32)};
  }
  constexpr uint64_t Pack() const {
    return free | (uint64_t{clean} << 16) | (uint64_t{tag} << 32);
  }

  constexpr uint16_t dirty() const {
    return static_cast<uint16_t>(free & ~clean);
  }
  // But for those without access, which are never in the pool.
  constexpr bool all_free(uint64_t guards = 0) const {
    return (free | guards) == 0xFFFF;
  }

  // Takes slabs out. Dirty ones first: their pages are there already.
  constexpr uint16_t Lowest() const {
    const unsigned pick = dirty() != 0 ? dirty() : free;
    return static_cast<uint16_t>(pick & (0u - pick));
  }
  constexpr SuperWord Take(uint16_t mask) const {
    return {static_cast<uint16_t>(free & ~mask),
            static_cast<uint16_t>(clean & ~mask), tag + 1};
  }
  // Puts slabs back that the caller took.
  constexpr SuperWord Put(uint16_t mask, uint16_t clean_mask) const {
    return {static_cast<uint16_t>(free | mask),
            static_cast<uint16_t>(clean | clean_mask), tag + 1};
  }
};

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_SUPER_WORD_H_
