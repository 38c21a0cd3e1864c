// Box:   wrap.   Uses: nothing.   Must not know: nothing is above.
// Holds: what is tried before a program gets no memory.
// Locks: none.   Read next: alloc/wrap/relief.cc

#ifndef HAKMEM_ALLOC_WRAP_RELIEF_H_
#define HAKMEM_ALLOC_WRAP_RELIEF_H_

#include <cstddef>

#include "platform/cpu.h"

namespace hakmem::wrap {

// There was no memory for so many bytes, `tries` times already since the
// request. True: it is worth another try.
[[nodiscard]] HAK_COLD bool Relieve(size_t bytes, unsigned tries);

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_RELIEF_H_
