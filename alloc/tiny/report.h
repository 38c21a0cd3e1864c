// Box:   tiny.   Uses: platform.   Must not know: wrap, large.
// Holds: how a size class is named before an abort.
// Locks: none.   Read next: alloc/tiny/report.cc

#ifndef HAKMEM_ALLOC_TINY_REPORT_H_
#define HAKMEM_ALLOC_TINY_REPORT_H_

#include "platform/die.h"

namespace hakmem::tiny {

// "Tiny class 1, 32 bytes".
platform::Line& PutClass(platform::Line& line, unsigned size_class);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_REPORT_H_
