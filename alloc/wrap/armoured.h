// Box:   wrap.   Uses: tiny.   Must not know: nothing is above.
// Holds: malloc and free of the hardened variant, whose blocks are armoured.
// Locks: none.   Read next: alloc/wrap/armoured.cc

#ifndef HAKMEM_ALLOC_WRAP_ARMOURED_H_
#define HAKMEM_ALLOC_WRAP_ARMOURED_H_

#include <cstddef>

namespace hakmem::wrap {

void* ArmouredMalloc(size_t bytes);
void ArmouredFree(void* pointer);

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_ARMOURED_H_
