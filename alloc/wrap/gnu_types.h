// Box:   wrap.   Uses: nothing.   Must not know: nothing is above.
// Holds: the structs of glibc's diagnostics, which musl's <malloc.h> lacks.
//        Source: glibc 2.36, malloc/malloc.h.
// Locks: none.   Read next: alloc/wrap/api.cc

#ifndef HAKMEM_ALLOC_WRAP_GNU_TYPES_H_
#define HAKMEM_ALLOC_WRAP_GNU_TYPES_H_

#include <cstddef>

namespace hakmem {

template <class Number>
struct GnuMallinfoOf {
  Number arena;
  Number ordblks;
  Number smblks;
  Number hblks;
  Number hblkhd;
  Number usmblks;
  Number fsmblks;
  Number uordblks;
  Number fordblks;
  Number keepcost;
};
using GnuMallinfo = GnuMallinfoOf<int>;
using GnuMallinfo2 = GnuMallinfoOf<size_t>;

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_WRAP_GNU_TYPES_H_
