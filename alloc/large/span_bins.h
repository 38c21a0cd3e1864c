// Box:   large.   Uses: nothing but span_tag.h.   Must not know: tiny, wrap.
// Holds: free spans by size: exact up to 64 units, then eight steps a doubling.
// Locks: the span heap's, held by every caller.
// Read next: alloc/large/span_heap.cc

#ifndef HAKMEM_ALLOC_LARGE_SPAN_BINS_H_
#define HAKMEM_ALLOC_LARGE_SPAN_BINS_H_

#include <cstddef>
#include <cstdint>

#include "alloc/large/span_tag.h"

namespace hakmem::large {

class SpanBins {
 public:
  void Insert(Unit unit, size_t units) {
    const unsigned bin = BinOf(units);
    const Unit old = heads_[bin];
    SetPrev(unit, 0);
    SetNext(unit, old);
    if (old != 0) SetPrev(old, unit);
    heads_[bin] = unit;
    used_[bin / 64] |= uint64_t{1} << (bin % 64);
  }

  void Remove(Unit unit, size_t units) {
    const unsigned bin = BinOf(units);
    const Unit next = Next(unit);
    const Unit prev = MetaOf(unit).prev[unit % kUnitsPerSuper];
    if (prev != 0) {
      SetNext(prev, next);
    } else {
      heads_[bin] = next;
      if (next == 0) used_[bin / 64] &= ~(uint64_t{1} << (bin % 64));
    }
    if (next != 0) SetPrev(next, prev);
  }

  // A span of at least `units`: nearly the smallest. 0: none.
  Unit Find(size_t units) const {
    const unsigned bin = BinOf(units);
    Unit unit = heads_[bin];
    // In an exact bin the first fits; in the others one of the next may.
    for (int i = 0; i < kLooks && unit != 0; ++i, unit = Next(unit)) {
      if (ReadTag(unit).units >= units) return unit;
    }
    const unsigned next = FirstUsed(bin + 1);
    return next < kBins ? heads_[next] : 0;
  }

  // One of the largest. 0: none.
  Unit Largest() const {
    for (unsigned w = kWords; w-- > 0;) {
      if (used_[w] == 0) continue;
      return heads_[w * 64 + 63u -
                    static_cast<unsigned>(__builtin_clzll(used_[w]))];
    }
    return 0;
  }

 private:
  static constexpr unsigned kExact = 64;
  static constexpr unsigned kBins = kExact + (kLengthBits - 6) * 8 + 1;
  static constexpr unsigned kWords = (kBins + 63) / 64;
  static constexpr int kLooks = 16;

  static unsigned BinOf(size_t units) {
    if (units < kExact) return static_cast<unsigned>(units);
    const unsigned log = 63u - static_cast<unsigned>(__builtin_clzll(units));
    return kExact + (log - 6) * 8 +
           static_cast<unsigned>((units >> (log - 3)) & 7);
  }
  unsigned FirstUsed(unsigned from) const {
    for (unsigned w = from / 64; w < kWords; ++w) {
      uint64_t word = used_[w];
      if (w == from / 64) word &= ~uint64_t{0} << (from % 64);
      if (word != 0) {
        return w * 64 + static_cast<unsigned>(__builtin_ctzll(word));
      }
    }
    return kBins;
  }
  static Unit Next(Unit unit) {
    return MetaOf(unit).next[unit % kUnitsPerSuper];
  }
  static void SetNext(Unit unit, Unit value) {
    MetaOf(unit).next[unit % kUnitsPerSuper] = value;
  }
  static void SetPrev(Unit unit, Unit value) {
    MetaOf(unit).prev[unit % kUnitsPerSuper] = value;
  }

  uint64_t used_[kWords] = {};
  Unit heads_[kBins] = {};
};

}  // namespace hakmem::large

#endif  // HAKMEM_ALLOC_LARGE_SPAN_BINS_H_
