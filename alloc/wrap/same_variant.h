// Box:   wrap.   Uses: base.   Must not know: nothing is above.
// Holds: what keeps an object beside the entry points from being linked with
//        those of another variant. Their boxes have the same names and lay out
//        blocks, locks and heaps differently: a linker that finds both takes
//        some of each, and says nothing.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#ifndef HAKMEM_ALLOC_WRAP_SAME_VARIANT_H_
#define HAKMEM_ALLOC_WRAP_SAME_VARIANT_H_

#include "alloc/base/variant.h"

namespace hakmem::wrap {

extern "C" const char EntryPoints[] __asm__("hakmem_malloc_" HAK_VARIANT);

// In every function by which a program gets such an object: with the entry
// points of another variant this name is undefined.
inline void NeedSameVariant() { __asm__ volatile("" : : "r"(EntryPoints)); }

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_SAME_VARIANT_H_
