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
  // The least power of two that is more than an eighth of the bytes.
  size_t step =
      bytes < 8 * kUnit ? kUnit : size_t{1} << (61 - __builtin_clzl(bytes));
  if (step < alignment) step = alignment;
  size_t stride = AlignUp(bytes + 1, step);
  // The largest class that is no longer.
  unsigned c = stride > kMaxSmall ? kClasses - 1 : ClassFor(stride - 1);
  if (kStride[c] > stride) --c;
  if (UsableBytes(c) < bytes) {
    c = ClassFor(bytes);
    stride = AlignUp(kStride[c], step);
  }
  return {c, stride, stride & (0 - stride)};
}

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_ALIGNED_SHAPE_H_
