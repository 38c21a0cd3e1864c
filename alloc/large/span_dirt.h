// Box:   large.   Uses: nothing but span_tag.h.   Must not know: tiny, wrap.
// Holds: which units of free spans are dirty, one bit each: a free span is one
//        piece, whatever of it was written.
// Locks: the span heap's, held by every caller that changes a bit. Who has
//        taken a span out of the lists may read its bits without: those of
//        other spans in the same word change meanwhile.
// Read next: alloc/large/span_heap.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_DIRT_H_
#define HAKMEM_ALLOC_LARGE_SPAN_DIRT_H_

#include <cstddef>
#include <cstdint>

#include "alloc/large/span_tag.h"

namespace hakmem::large {

// Calls visit(word, mask) for the bits of [unit, unit + units).
template <class Visit>
void ForDirt(Unit unit, size_t units, Visit visit) {
  while (units > 0) {
    const unsigned from = unit % 64;
    const size_t n = units < 64 - from ? units : 64 - from;
    const uint64_t mask = (~uint64_t{0} >> (64 - n)) << from;
    visit(&MetaOf(unit).dirty[unit % kUnitsPerSuper / 64], mask);
    unit += static_cast<Unit>(n);
    units -= n;
  }
}

inline void SetDirt(Unit unit, size_t units, bool dirty) {
  ForDirt(unit, units, [dirty](uint64_t* word, uint64_t mask) {
    // relaxed: for who reads other bits of it.
    __atomic_store_n(word, dirty ? *word | mask : *word & ~mask,
                     __ATOMIC_RELAXED);
  });
}

inline size_t CountDirt(Unit unit, size_t units) {
  size_t count = 0;
  ForDirt(unit, units, [&count](const uint64_t* word, uint64_t mask) {
    // relaxed: the bits asked for do not change.
    count += PopCount64(__atomic_load_n(word, __ATOMIC_RELAXED) & mask);
  });
  return count;
}

inline bool IsDirty(Unit unit) {
  return ((MetaOf(unit).dirty[unit % kUnitsPerSuper / 64] >> (unit % 64)) &
          1) != 0;
}

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_DIRT_H_
