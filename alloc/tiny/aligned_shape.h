// Box:   tiny.   Uses: base.   Must not know: slabs, threads.
// Holds: how the blocks of an aligned slab lie.
// Locks: none.   Read next: alloc/tiny/thread_cache_slow.cc

#ifndef HAKMEM_ALLOC_TINY_ALIGNED_SHAPE_H_
#define HAKMEM_ALLOC_TINY_ALIGNED_SHAPE_H_

#include <cstddef>

#include "alloc/base/pointers.h"
#include "alloc/tiny/size_class.h"

namespace hakmem::tiny {

struct AlignedShape {
  unsigned size_class;
  size_t stride;
  size_t first;  // offset of the first block
};

// For blocks of `bytes` <= kMaxSmall at multiples of `alignment`, a power of
// two. There are at most four strides to a doubling, and a slab serves every
// alignment that its stride allows: a program that asks for many alignments
// shall not need a slab for each.
constexpr AlignedShape ShapeFor(size_t alignment, size_t bytes) {
  size_t step = kUnit;
  while (step * 8 <= bytes) step *= 2;
  if (step < alignment) step = alignment;
  size_t stride = AlignUp(bytes + 1, step);
  unsigned c = kClasses - 1;
  while (c > 0 && kStride[c] > stride) --c;
  if (UsableBytes(c) < bytes) {
    c = ClassFor(bytes);
    stride = AlignUp(kStride[c], step);
  }
  return {c, stride, stride & (0 - stride)};
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_ALIGNED_SHAPE_H_
